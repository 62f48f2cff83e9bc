package live

import (
	"strings"
	"sync"
	"sync/atomic"

	"smart-factory-backend/app/factory"
)

// board has the newest reading of each series that a room shows. It is fed
// wherever readings are committed, and costs them one atomic load while nobody
// looks.
type board struct {
	placement func(machine string) (factory.Placement, bool)

	// topics counts the rooms that somebody wants, here or elsewhere.
	topics atomic.Int32

	mu         sync.Mutex
	everything *topic
	byMachine  map[string]*topic // by machine
	byLine     map[factory.Placement]*topic
	machines   map[string]*machine
	// changed are the series that are to be shown to members here, ours those
	// that this process is to tell others of.
	changed, ours []*series
}

// topic is a room that gets telemetry.
type topic struct {
	room room
	// here says that there are members in this process, or soon; elsewhere
	// that another process wants the room.
	here, elsewhere bool

	// Only flush uses these, below the stage's lock.
	show, tell []byte
}

// machine is one that at least one topic shows.
type machine struct {
	name   string
	place  factory.Placement // the zero one unless a line is shown
	series map[string]*series
	topics []*topic
	// elsewhere says that one of the topics is wanted elsewhere.
	here, elsewhere bool
}

// series is the newest reading of one metric.
type series struct {
	machine *machine
	metric  string
	unit    string
	ts      int64
	value   float64
	// shown is what the frames so far amount to; there is none before.
	shown         bool
	shownTS       int64
	shownValue    float64
	changed, ours bool // in the list of that name
}

func newBoard(placement func(string) (factory.Placement, bool)) *board {
	return &board{
		placement: placement,
		byMachine: map[string]*topic{}, byLine: map[factory.Placement]*topic{}, machines: map[string]*machine{},
	}
}

// commit takes readings that were just committed, less those refused, and
// reports whether there is something to show.
func (b *board) commit(readings []factory.Reading, refused []factory.Rejection) bool {
	if b.topics.Load() == 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var m *machine
	last := ""
	for i := range readings {
		if len(refused) > 0 && refused[0].Index == i {
			refused = refused[1:]
			continue
		}
		r := &readings[i]
		if i == 0 || r.Machine != last {
			m, last = b.machineLocked(r.Machine), r.Machine
		}
		if m != nil {
			b.setLocked(m, r, true)
		}
	}
	return len(b.changed)+len(b.ours) > 0
}

// hear takes readings that another process has told.
func (b *board) hear(readings []factory.Reading) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range readings {
		if m := b.machineLocked(readings[i].Machine); m != nil {
			b.setLocked(m, &readings[i], false)
		}
	}
	return len(b.changed) > 0
}

// seed takes what the store has. What has come since is newer.
func (b *board) seed(readings []factory.LatestReading, wanted func(machine string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range readings {
		r := &readings[i]
		if !wanted(r.Machine) {
			continue
		}
		m := b.machineLocked(r.Machine)
		if m == nil {
			continue // the room has gone meanwhile
		}
		b.setLocked(m, &r.Reading, false)
		m.series[r.Metric].unit = r.Unit
	}
}

// machineLocked returns the machine, nil where no topic shows it.
func (b *board) machineLocked(name string) *machine {
	if m := b.machines[name]; m != nil {
		return m
	}
	place := b.placeOfLocked(name)
	if b.everything == nil && b.byMachine[name] == nil && b.byLine[place] == nil {
		return nil
	}
	m := &machine{name: strings.Clone(name), place: place, series: map[string]*series{}}
	b.machines[m.name] = m
	b.placeLocked(m)
	return m
}

// placeOfLocked returns where a machine stands; it asks only if a line is shown.
func (b *board) placeOfLocked(machine string) factory.Placement {
	if len(b.byLine) == 0 || b.placement == nil {
		return factory.Placement{}
	}
	place, _ := b.placement(machine)
	return place
}

// placeLocked finds the topics that show m. Without one it is forgotten.
func (b *board) placeLocked(m *machine) {
	m.topics, m.here, m.elsewhere = m.topics[:0], false, false
	for _, t := range []*topic{b.byMachine[m.name], b.byLine[m.place], b.everything} {
		if t != nil {
			m.topics = append(m.topics, t)
			m.here = m.here || t.here
			m.elsewhere = m.elsewhere || t.elsewhere
		}
	}
	if len(m.topics) == 0 {
		delete(b.machines, m.name)
	}
}

// setLocked takes a reading if it is the newest of its series.
func (b *board) setLocked(m *machine, r *factory.Reading, ours bool) {
	s := m.series[r.Metric]
	switch {
	case s == nil:
		s = &series{machine: m, metric: strings.Clone(r.Metric)}
		m.series[s.metric] = s
	case r.ObservedAt < s.ts, r.ObservedAt == s.ts && r.Value == s.value:
		return
	case r.ObservedAt == s.ts && !ours:
		return // two values for one moment: the one that was committed here counts
	}
	s.ts, s.value = r.ObservedAt, r.Value
	if m.here && !s.changed {
		s.changed = true
		b.changed = append(b.changed, s)
	}
	if ours && m.elsewhere && !s.ours {
		s.ours = true
		b.ours = append(b.ours, s)
	}
}

// open has a room shown, here or elsewhere, and returns its topic.
func (b *board) open(r room, here bool) *topic {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.findLocked(r)
	if t == nil {
		t = &topic{room: r}
		b.putLocked(r, t)
		b.topics.Add(1)
	}
	if here {
		t.here = true
	} else {
		t.elsewhere = true
	}
	b.replaceLocked(r)
	return t
}

// close ends what open began.
func (b *board) close(r room, here bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.findLocked(r)
	if t == nil {
		return
	}
	if here {
		t.here = false
	} else {
		t.elsewhere = false
	}
	if !t.here && !t.elsewhere {
		b.putLocked(r, nil)
		b.topics.Add(-1)
	}
	b.replaceLocked(r)
}

func (b *board) findLocked(r room) *topic {
	switch r.kind {
	case roomAll:
		return b.everything
	case roomMachine:
		return b.byMachine[r.machine]
	case roomLine:
		return b.byLine[r.place]
	}
	return nil
}

func (b *board) putLocked(r room, t *topic) {
	switch {
	case r.kind == roomAll:
		b.everything = t
	case r.kind == roomMachine && t != nil:
		b.byMachine[r.machine] = t
	case r.kind == roomMachine:
		delete(b.byMachine, r.machine)
	case r.kind == roomLine && t != nil:
		b.byLine[r.place] = t
	case r.kind == roomLine:
		delete(b.byLine, r.place)
	}
}

// replaceLocked finds anew the topics of the machines that a room may show.
func (b *board) replaceLocked(r room) {
	if r.kind == roomMachine {
		if m := b.machines[r.machine]; m != nil {
			b.placeLocked(m)
		}
		return
	}
	for _, m := range b.machines {
		m.place = b.placeOfLocked(m.name)
		b.placeLocked(m)
	}
}

// forget drops what is known of a machine that was deleted, and moved finds
// anew where it stands.
func (b *board) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.machines[name]; m != nil {
		m.topics = nil
		delete(b.machines, name)
	}
}

func (b *board) moved(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.machines[name]; m != nil {
		m.place = b.placeOfLocked(name)
		b.placeLocked(m)
	}
}

// pending reports whether there is something to show.
func (b *board) pending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.changed)+len(b.ours) > 0
}
