package timeline

import (
	"cmp"
	"slices"

	"smart-factory-backend/app/factory"
)

// StateReadings are the readings of the metrics of a StateSignal, and what else its
// map depends on, in any order.
type StateReadings struct {
	State, Mode, Blocked, Starved []Sample
	// Alarms are the times during which an alarm of the machine is active.
	Alarms []factory.Span
}

// change is the begin of a state, or of a product.
type change struct {
	at int64
	// order decides between changes at the same time: the greater one holds. It is
	// 0 for signals, otherwise the Seq of the event.
	order  int64
	state  State
	reason string
	source Source
	// product is the product that a change of product begins.
	product string
}

func compareChanges(a, b change) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.order, b.order))
}

// signalMoment holds the values of the inputs of a StateSignal at one time.
type signalMoment struct {
	state                  Sample
	known                  bool
	mode, blocked, starved Sample
	alarm                  bool
}

// stateOf returns the state of a moment whose state reading is known. mapped is false
// if the map lacks the value.
func (s *StateSignal) stateOf(m signalMoment) (state State, mapped bool) {
	to, mapped := s.Map.lookup(m.state)
	switch {
	case s.inMaintenance(m.mode):
		return PlannedStop, mapped
	case !mapped:
		return s.Default, false
	case to.class == suspended && m.blocked.isTrue():
		return Blocked, true
	case to.class == suspended && m.starved.isTrue():
		return Starved, true
	case to.class == held && m.alarm:
		return Fault, true
	}
	return to.state, true
}

func (s *StateSignal) inMaintenance(mode Sample) bool {
	if number, ok := mode.number(); ok {
		return number == maintenanceMode
	}
	return fold(mode.Text) == "maintenance"
}

// changes returns the changes of the mapped state in order of time. Readings that do
// not change it are omitted.
func (s *StateSignal) changes(r StateReadings) []change {
	type update struct {
		at  int64
		set func(*signalMoment)
	}
	var updates []update
	add := func(samples []Sample, set func(*signalMoment, Sample)) {
		for _, sample := range sorted(samples) {
			updates = append(updates, update{sample.ObservedAt, func(m *signalMoment) { set(m, sample) }})
		}
	}
	add(r.State, func(m *signalMoment, v Sample) { m.state, m.known = v, true })
	add(r.Mode, func(m *signalMoment, v Sample) { m.mode = v })
	add(r.Blocked, func(m *signalMoment, v Sample) { m.blocked = v })
	add(r.Starved, func(m *signalMoment, v Sample) { m.starved = v })
	open := 0
	for _, span := range r.Alarms {
		updates = append(updates,
			update{span.From, func(m *signalMoment) { open++; m.alarm = open > 0 }},
			update{span.To, func(m *signalMoment) { open--; m.alarm = open > 0 }})
	}
	slices.SortStableFunc(updates, func(a, b update) int { return cmp.Compare(a.at, b.at) })
	var list []change
	var moment signalMoment
	for i, u := range updates {
		u.set(&moment)
		if !moment.known || i+1 < len(updates) && updates[i+1].at == u.at {
			continue
		}
		state, _ := s.stateOf(moment)
		if len(list) == 0 || list[len(list)-1].state != state {
			list = append(list, change{at: u.at, state: state, source: FromSignal})
		}
	}
	return list
}

// productChanges returns the changes of the product signal in order of time.
func productChanges(samples []Sample) []change {
	var list []change
	for _, s := range lastOfEachTime(sorted(samples)) {
		if product := s.text(); len(list) == 0 || list[len(list)-1].product != product {
			list = append(list, change{at: s.ObservedAt, product: product})
		}
	}
	return list
}

// lastOfEachTime omits the samples that another one with the same time follows.
func lastOfEachTime(samples []Sample) []Sample {
	var list []Sample
	for i, s := range samples {
		if i+1 == len(samples) || samples[i+1].ObservedAt != s.ObservedAt {
			list = append(list, s)
		}
	}
	return list
}

// inForce returns for sorted changes those that hold for some time: of the changes at
// one time the last one.
func inForce(changes []change) []change {
	slices.SortStableFunc(changes, compareChanges)
	list := changes[:0]
	for i, c := range changes {
		if i+1 == len(changes) || changes[i+1].at != c.at {
			list = append(list, c)
		}
	}
	return list
}
