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
type latestCache struct {
	placement func(machine string) (factory.Placement, bool)

	// topics counts the rooms that somebody wants, here or elsewhere.
	watchedRooms atomic.Int32

	mu           sync.Mutex
	allRoom      *watchedRoom
	machineRooms map[string]*watchedRoom // by machine
	lineRooms    map[factory.Placement]*watchedRoom
	machines     map[string]*machineEntry
	// changed are the series that are to be shown to members here, ours those
	// that this process is to tell others of.
	localDirty, remoteDirty []*series
}

// topic is a room that gets telemetry.
type watchedRoom struct {
	room room
	// here says that there are members in this process, or soon; elsewhere
	// that another process wants the room.
	local, remote bool

	// Only flush uses these, below the stage's lock.
	localEvent, remoteEvent []byte
}

// machine is one that at least one topic shows.
type machineEntry struct {
	name      string
	placement factory.Placement // the zero one unless a line is shown
	series    map[string]*series
	rooms     []*watchedRoom
	// elsewhere says that one of the topics is wanted elsewhere.
	local, remote bool
}

// series is the newest reading of one metric.
type series struct {
	machine *machineEntry
	metric  string
	unit    string
	ts      int64
	value   float64
	// shown is what the frames so far amount to; there is none before.
	flushed                 bool
	flushedTS               int64
	flushedValue            float64
	localDirty, remoteDirty bool // in the list of that name
}

func newLatestCache(placement func(string) (factory.Placement, bool)) *latestCache {
	return &latestCache{
		placement:    placement,
		machineRooms: map[string]*watchedRoom{}, lineRooms: map[factory.Placement]*watchedRoom{}, machines: map[string]*machineEntry{},
	}
}

// commit takes readings that were just committed, less those refused, and
// reports whether there is something to show.
func (b *latestCache) applyCommitted(readings []factory.Reading, refused []factory.Rejection) bool {
	if b.watchedRooms.Load() == 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var m *machineEntry
	last := ""
	for i := range readings {
		if len(refused) > 0 && refused[0].Index == i {
			refused = refused[1:]
			continue
		}
		r := &readings[i]
		if i == 0 || r.Machine != last {
			m, last = b.entryLocked(r.Machine), r.Machine
		}
		if m != nil {
			b.applyLocked(m, r, true)
		}
	}
	return len(b.localDirty)+len(b.remoteDirty) > 0
}

// hear takes readings that another process has told.
func (b *latestCache) applyRemote(readings []factory.Reading) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range readings {
		if m := b.entryLocked(readings[i].Machine); m != nil {
			b.applyLocked(m, &readings[i], false)
		}
	}
	return len(b.localDirty) > 0
}

// seed takes what the store has. What has come since is newer.
func (b *latestCache) applyStored(readings []factory.LatestReading, wanted func(machine string) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range readings {
		r := &readings[i]
		if !wanted(r.Machine) {
			continue
		}
		m := b.entryLocked(r.Machine)
		if m == nil {
			continue // the room has gone meanwhile
		}
		b.applyLocked(m, &r.Reading, false)
		m.series[r.Metric].unit = r.Unit
	}
}

// machineLocked returns the machine, nil where no topic shows it.
func (b *latestCache) entryLocked(name string) *machineEntry {
	if m := b.machines[name]; m != nil {
		return m
	}
	place := b.placementLocked(name)
	if b.allRoom == nil && b.machineRooms[name] == nil && b.lineRooms[place] == nil {
		return nil
	}
	m := &machineEntry{name: strings.Clone(name), placement: place, series: map[string]*series{}}
	b.machines[m.name] = m
	b.assignRoomsLocked(m)
	return m
}

// placeOfLocked returns where a machine stands; it asks only if a line is shown.
func (b *latestCache) placementLocked(machine string) factory.Placement {
	if len(b.lineRooms) == 0 || b.placement == nil {
		return factory.Placement{}
	}
	place, _ := b.placement(machine)
	return place
}

// placeLocked finds the topics that show m. Without one it is forgotten.
func (b *latestCache) assignRoomsLocked(m *machineEntry) {
	m.rooms, m.local, m.remote = m.rooms[:0], false, false
	for _, t := range []*watchedRoom{b.machineRooms[m.name], b.lineRooms[m.placement], b.allRoom} {
		if t != nil {
			m.rooms = append(m.rooms, t)
			m.local = m.local || t.local
			m.remote = m.remote || t.remote
		}
	}
	if len(m.rooms) == 0 {
		delete(b.machines, m.name)
	}
}

// setLocked takes a reading if it is the newest of its series.
func (b *latestCache) applyLocked(m *machineEntry, r *factory.Reading, ours bool) {
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
	if m.local && !s.localDirty {
		s.localDirty = true
		b.localDirty = append(b.localDirty, s)
	}
	if ours && m.remote && !s.remoteDirty {
		s.remoteDirty = true
		b.remoteDirty = append(b.remoteDirty, s)
	}
}

// open has a room shown, here or elsewhere, and returns its topic.
func (b *latestCache) watch(r room, here bool) *watchedRoom {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.watchedRoomLocked(r)
	if t == nil {
		t = &watchedRoom{room: r}
		b.setWatchedRoomLocked(r, t)
		b.watchedRooms.Add(1)
	}
	if here {
		t.local = true
	} else {
		t.remote = true
	}
	b.reassignRoomsLocked(r)
	return t
}

// close ends what open began.
func (b *latestCache) unwatch(r room, here bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.watchedRoomLocked(r)
	if t == nil {
		return
	}
	if here {
		t.local = false
	} else {
		t.remote = false
	}
	if !t.local && !t.remote {
		b.setWatchedRoomLocked(r, nil)
		b.watchedRooms.Add(-1)
	}
	b.reassignRoomsLocked(r)
}

func (b *latestCache) watchedRoomLocked(r room) *watchedRoom {
	switch r.kind {
	case roomAll:
		return b.allRoom
	case roomMachine:
		return b.machineRooms[r.machine]
	case roomLine:
		return b.lineRooms[r.place]
	}
	return nil
}

func (b *latestCache) setWatchedRoomLocked(r room, t *watchedRoom) {
	switch {
	case r.kind == roomAll:
		b.allRoom = t
	case r.kind == roomMachine && t != nil:
		b.machineRooms[r.machine] = t
	case r.kind == roomMachine:
		delete(b.machineRooms, r.machine)
	case r.kind == roomLine && t != nil:
		b.lineRooms[r.place] = t
	case r.kind == roomLine:
		delete(b.lineRooms, r.place)
	}
}

// replaceLocked finds anew the topics of the machines that a room may show.
func (b *latestCache) reassignRoomsLocked(r room) {
	if r.kind == roomMachine {
		if m := b.machines[r.machine]; m != nil {
			b.assignRoomsLocked(m)
		}
		return
	}
	for _, m := range b.machines {
		m.placement = b.placementLocked(m.name)
		b.assignRoomsLocked(m)
	}
}

// forget drops what is known of a machine that was deleted, and moved finds
// anew where it stands.
func (b *latestCache) remove(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.machines[name]; m != nil {
		m.rooms = nil
		delete(b.machines, name)
	}
}

func (b *latestCache) relocate(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.machines[name]; m != nil {
		m.placement = b.placementLocked(name)
		b.assignRoomsLocked(m)
	}
}

// pending reports whether there is something to show.
func (b *latestCache) pending() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.localDirty)+len(b.remoteDirty) > 0
}
