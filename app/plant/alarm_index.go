package plant

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/alarm"
)

// alarmIndex holds the rules, the machines, and an instance for each machine in the
// scope of a rule.
type alarmIndex struct {
	// count is the number of rules, so that readings cost nothing without any.
	count atomic.Int64

	mu    sync.RWMutex
	rules map[string]*alarmRule
	// machines are all known machines with their places.
	machines map[string]factory.Placement
	// byMachine has the instances of a machine by rule; byMetric has those that a
	// reading of a metric may concern, and under "" those that any reading may.
	byMachine map[string]map[string]*alarmInstance
	byMetric  map[string]map[string][]*alarmInstance
	all       map[*alarmInstance]bool
	// dependants are the ids of the rules that name a rule in suppressed_by.
	dependants map[string]map[string]bool
}

func newAlarmIndex() *alarmIndex {
	return &alarmIndex{
		rules: map[string]*alarmRule{}, machines: map[string]factory.Placement{},
		byMachine: map[string]map[string]*alarmInstance{}, byMetric: map[string]map[string][]*alarmInstance{},
		all: map[*alarmInstance]bool{}, dependants: map[string]map[string]bool{},
	}
}

// instance returns the instance of a rule on a machine, nil if there is none.
func (x *alarmIndex) instance(machine, rule string) *alarmInstance {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.byMachine[machine][rule]
}

// instances returns all instances.
func (x *alarmIndex) instances() []*alarmInstance {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Keys(x.all))
}

// machine returns the instances of a machine.
func (x *alarmIndex) machine(id string) []*alarmInstance {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Values(x.byMachine[id]))
}

// knows reports whether a machine is known.
func (x *alarmIndex) knows(machine string) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, known := x.machines[machine]
	return known
}

// rule returns a rule, nil if there is none.
func (x *alarmIndex) rule(id string) *alarmRule {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.rules[id]
}

// setRule adds or replaces a rule; rule nil removes it. It returns the instances that
// have to be judged.
func (x *alarmIndex) setRule(id string, rule *alarmRule) (changed []*alarmInstance) {
	x.mu.Lock()
	defer x.mu.Unlock()
	before := x.rules[id]
	if before != nil && rule != nil && before.version >= rule.version {
		return nil
	}
	if before != nil {
		for _, cause := range before.SuppressedBy {
			delete(x.dependants[cause], id)
		}
		delete(x.rules, id)
	}
	if rule != nil {
		x.rules[id] = rule
		for _, cause := range rule.SuppressedBy {
			if x.dependants[cause] == nil {
				x.dependants[cause] = map[string]bool{}
			}
			x.dependants[cause][id] = true
		}
	}
	x.count.Store(int64(len(x.rules)))
	if before == nil && rule == nil {
		return nil
	}
	for machine, placement := range x.machines {
		if i := x.placeLocked(machine, placement, id, rule, false); i != nil {
			changed = append(changed, i)
		}
	}
	return changed
}

// setMachine adds or moves a machine, or removes one that no longer exists. It
// returns the instances that have to be judged.
func (x *alarmIndex) setMachine(id string, placement factory.Placement, exists bool) (changed []*alarmInstance) {
	x.mu.Lock()
	defer x.mu.Unlock()
	before, known := x.machines[id]
	if known == exists && before == placement {
		return nil
	}
	if exists {
		x.machines[id] = placement
	} else {
		delete(x.machines, id)
	}
	for ruleID, rule := range x.rules {
		if !exists {
			rule = nil
		}
		if i := x.placeLocked(id, placement, ruleID, rule, known); i != nil {
			changed = append(changed, i)
		}
	}
	return changed
}

// placeLocked adds, replaces or removes the instance of a rule on a machine. It
// returns the instance if that changes anything.
func (x *alarmIndex) placeLocked(machine string, placement factory.Placement, id string, rule *alarmRule, moved bool) *alarmInstance {
	i := x.byMachine[machine][id]
	selected := rule != nil && rule.Scope.Selects(machine, placement)
	if i == nil && !selected {
		return nil
	}
	if i != nil {
		before := i.rule.Load()
		list := x.byMetric[machine][before.Metric]
		x.byMetric[machine][before.Metric] = slices.DeleteFunc(slices.Clone(list), func(other *alarmInstance) bool { return other == i })
		if len(x.byMetric[machine][before.Metric]) == 0 {
			delete(x.byMetric[machine], before.Metric)
		}
	}
	if !selected {
		delete(x.byMachine[machine], id)
		delete(x.all, i)
		i.ended.Store(true)
		return i
	}
	if i == nil {
		i = newAlarmInstance(rule, machine)
		i.moved.Store(moved)
		x.all[i] = true
		if x.byMachine[machine] == nil {
			x.byMachine[machine], x.byMetric[machine] = map[string]*alarmInstance{}, map[string][]*alarmInstance{}
		}
		x.byMachine[machine][id] = i
	}
	i.rule.Store(rule)
	if rule.When.Op != alarm.InState {
		x.byMetric[machine][rule.Metric] = append(x.byMetric[machine][rule.Metric], i)
	}
	return i
}

// observe passes accepted readings, which have arrived now, to the instances that they
// may concern, and calls mark for those that have to be judged. It returns the machines that are not known.
func (x *alarmIndex) observe(readings []factory.Reading, rejected []factory.Rejection, now int64, mark func(*alarmInstance)) (unknown []string) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if !slices.IsSortedFunc(readings, compareObservedAt) {
		readings, rejected, unknown = x.concernedLocked(readings, rejected)
	}
	var machine string
	var metrics map[string][]*alarmInstance
	for n := range readings {
		r := &readings[n]
		if len(rejected) > 0 && rejected[0].Index == n {
			rejected = rejected[1:]
			continue
		}
		if r.Machine != machine {
			machine = r.Machine
			metrics = x.byMetric[machine]
			if _, known := x.machines[r.Machine]; !known {
				unknown = append(unknown, r.Machine)
			}
		}
		if len(metrics) == 0 {
			continue
		}
		for _, i := range metrics[r.Metric] {
			if i.observe(r, now) {
				mark(i)
			}
		}
		for _, i := range metrics[""] {
			if i.observe(r, now) {
				mark(i)
			}
		}
	}
	return unknown
}

func compareObservedAt(a, b factory.Reading) int { return cmp.Compare(a.ObservedAt, b.ObservedAt) }

// concernedLocked returns the accepted readings that concern an instance in order of
// time, because the readings of one request arrive together.
func (x *alarmIndex) concernedLocked(readings []factory.Reading, rejected []factory.Rejection) (list []factory.Reading, _ []factory.Rejection, unknown []string) {
	for n, r := range readings {
		if len(rejected) > 0 && rejected[0].Index == n {
			rejected = rejected[1:]
			continue
		}
		metrics := x.byMetric[r.Machine]
		if metrics[r.Metric] != nil || metrics[""] != nil {
			list = append(list, r)
		} else if _, known := x.machines[r.Machine]; !known && !slices.Contains(unknown, r.Machine) {
			unknown = append(unknown, r.Machine)
		}
	}
	slices.SortStableFunc(list, compareObservedAt)
	return list, nil, unknown
}

// suppressed reports whether an active alarm of the same machine suppresses a rule.
// Rules that suppress each other in a circle do not.
func (x *alarmIndex) suppressed(machine string, rule *alarmRule) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.ContainsFunc(rule.SuppressedBy, func(cause string) bool {
		other := x.byMachine[machine][cause]
		if other == nil || x.suppressesLocked(rule.ID, cause, map[string]bool{}) {
			return false
		}
		s := other.view.Load()
		return s.Current.Active && !s.OutOfService
	})
}

// suppressesLocked reports whether the rule cause suppresses the rule id, directly or
// through others.
func (x *alarmIndex) suppressesLocked(cause, id string, seen map[string]bool) bool {
	rule := x.rules[id]
	if rule == nil || seen[id] {
		return false
	}
	seen[id] = true
	return slices.ContainsFunc(rule.SuppressedBy, func(other string) bool {
		return other == cause || x.suppressesLocked(cause, other, seen)
	})
}

// escalated reports whether a more severe alarm of the same machine and metric was
// raised after the acknowledgement of an alarm.
func (x *alarmIndex) escalated(i *alarmInstance, rule *alarmRule, s *alarm.State) bool {
	if s.Current.Phase != alarm.ActiveAcked || rule.Metric == "" {
		return false
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.ContainsFunc(x.byMetric[i.machine][rule.Metric], func(other *alarmInstance) bool {
		if other == i || !other.rule.Load().Severity.Above(rule.Severity) {
			return false
		}
		o := other.view.Load().Current
		return o.Active && o.RaisedSeq > s.Current.AckedSeq
	})
}

// affected returns the instances whose suppression or acknowledgement depends on i.
func (x *alarmIndex) affected(i *alarmInstance, rule *alarmRule) (list []*alarmInstance) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for id := range x.dependants[rule.ID] {
		if other := x.byMachine[i.machine][id]; other != nil {
			list = append(list, other)
		}
	}
	if rule.Metric != "" {
		for _, other := range x.byMetric[i.machine][rule.Metric] {
			if other != i {
				list = append(list, other)
			}
		}
	}
	return list
}
