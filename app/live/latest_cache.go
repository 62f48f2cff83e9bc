package live

import (
	"strings"
	"sync"
	"sync/atomic"

	"smart-factory-backend/app/factory"
)

// latestCache holds the latest reading of each series in a watched room. Every
// committed reading passes through it. While no room is watched, that costs one
// atomic load per batch.
type latestCache struct {
	placement func(machine string) (factory.Placement, bool) // nil: no lines

	watched atomic.Int32 // number of watched rooms

	mu           sync.Mutex
	allRoom      *watchedRoom
	machineRooms map[string]*watchedRoom
	lineRooms    map[factory.Placement]*watchedRoom
	machines     map[string]*machineEntry
	// Series with a value that flush has not passed to members in this process
	// (localDirty) or to other processes (remoteDirty).
	localDirty, remoteDirty []*series
	scratch                 []byte // for encodeEventsLocked
}

// machineEntry is a machine in at least one watched room.
type machineEntry struct {
	name      string
	placement factory.Placement // zero unless a line is watched
	series    map[string]*series
	rooms     []*watchedRoom
	// Whether a room is watched in this process, and in another one.
	local, remote bool
}

// series is the latest reading of one metric.
type series struct {
	machine *machineEntry
	metric  string
	unit    string
	ts      int64
	value   value
	// The reading that subscribers know. It lags behind until the next flush.
	flushed                 bool
	flushedTS               int64
	flushedValue            value
	localDirty, remoteDirty bool // in the list of that name
}

// value is a number, or a text if isText.
type value struct {
	number float64
	isText bool
	text   string
}

func valueOf(r *factory.Reading) value {
	if r.Text != nil {
		return value{isText: true, text: *r.Text}
	}
	return value{number: r.Value}
}

func newLatestCache(placement func(string) (factory.Placement, bool)) *latestCache {
	return &latestCache{
		placement: placement, machineRooms: map[string]*watchedRoom{},
		lineRooms: map[factory.Placement]*watchedRoom{}, machines: map[string]*machineEntry{},
	}
}

// applyCommitted applies readings that this process has committed, except the
// rejected ones, and reports whether there is anything to flush.
func (c *latestCache) applyCommitted(readings []factory.Reading, rejected []factory.Rejection) bool {
	if c.watched.Load() == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var m *machineEntry
	last := ""
	for i := range readings {
		if len(rejected) > 0 && rejected[0].Index == i {
			rejected = rejected[1:]
			continue
		}
		r := &readings[i]
		if i == 0 || r.Machine != last {
			m, last = c.entryLocked(r.Machine), r.Machine
		}
		if m != nil {
			c.applyLocked(m, r, true)
		}
	}
	return len(c.localDirty)+len(c.remoteDirty) > 0
}

// applyRemote applies readings that another process has published.
func (c *latestCache) applyRemote(readings []factory.Reading) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range readings {
		if m := c.entryLocked(readings[i].Machine); m != nil {
			c.applyLocked(m, &readings[i], false)
		}
	}
	return len(c.localDirty) > 0
}

// applyStored applies what the store holds for the machines that include accepts.
// A reading that has arrived meanwhile is newer and stays.
func (c *latestCache) applyStored(readings []factory.LatestReading, include func(machine string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range readings {
		r := &readings[i]
		if !include(r.Machine) {
			continue
		}
		m := c.entryLocked(r.Machine)
		if m == nil {
			continue // the room is no longer watched
		}
		c.applyLocked(m, &r.Reading, false)
		m.series[r.Metric].unit = r.Unit
	}
}

// applyLocked applies a reading unless the series has a newer one. committed means
// that this process has committed it, so that the others must receive it.
func (c *latestCache) applyLocked(m *machineEntry, r *factory.Reading, committed bool) {
	s, v := m.series[r.Metric], valueOf(r)
	switch {
	case s == nil:
		s = &series{machine: m, metric: strings.Clone(r.Metric)}
		m.series[s.metric] = s
	case r.ObservedAt < s.ts, r.ObservedAt == s.ts && v == s.value:
		return
	case r.ObservedAt == s.ts && !committed:
		return // two values for one timestamp: the one committed here wins
	}
	if v.text == s.value.text {
		v.text = s.value.text
	} else {
		v.text = strings.Clone(v.text)
	}
	s.ts, s.value = r.ObservedAt, v
	if m.local && !s.localDirty {
		s.localDirty = true
		c.localDirty = append(c.localDirty, s)
	}
	if committed && m.remote && !s.remoteDirty {
		s.remoteDirty = true
		c.remoteDirty = append(c.remoteDirty, s)
	}
}

// entryLocked returns the entry of a machine, nil if no watched room includes it.
func (c *latestCache) entryLocked(name string) *machineEntry {
	if m := c.machines[name]; m != nil {
		return m
	}
	placement := c.placementLocked(name)
	if c.allRoom == nil && c.machineRooms[name] == nil && c.lineRooms[placement] == nil {
		return nil
	}
	m := &machineEntry{name: strings.Clone(name), placement: placement, series: map[string]*series{}}
	c.machines[m.name] = m
	c.assignRoomsLocked(m)
	return m
}

// remove drops a deleted machine.
func (c *latestCache) remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.machines[name]; m != nil {
		m.rooms = nil
		delete(c.machines, name)
	}
}

// pending reports whether there is anything to flush.
func (c *latestCache) pending() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.localDirty)+len(c.remoteDirty) > 0
}
