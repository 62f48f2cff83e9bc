package live

import "smart-factory-backend/app/factory"

// watchedRoom is a room whose telemetry somebody needs.
type watchedRoom struct {
	room room
	// local: it has members in this process, or is about to. remote: another
	// process is interested in it.
	local, remote bool

	event []byte // under construction by encodeEventsLocked, otherwise nil
}

// setWatched starts or ends caching the machines of a room, for this process (local)
// or for other ones. A machine is dropped when no watched room includes it. Rooms
// without telemetry are ignored.
func (c *latestCache) setWatched(r room, local, watched bool) {
	if r.kind == roomAlarms {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.watchedRoomLocked(r)
	if w == nil {
		if !watched {
			return
		}
		w = &watchedRoom{room: r}
		c.setWatchedRoomLocked(r, w)
		c.watched.Add(1)
	}
	if local {
		w.local = watched
	} else {
		w.remote = watched
	}
	if !w.local && !w.remote {
		c.setWatchedRoomLocked(r, nil)
		c.watched.Add(-1)
	}
	c.reassignRoomsLocked(r)
}

func (c *latestCache) watchedRoomLocked(r room) *watchedRoom {
	switch r.kind {
	case roomAll:
		return c.allRoom
	case roomMachine:
		return c.machineRooms[r.machine]
	case roomLine:
		return c.lineRooms[r.placement]
	}
	return nil
}

// setWatchedRoomLocked stores w; nil removes the room.
func (c *latestCache) setWatchedRoomLocked(r room, w *watchedRoom) {
	switch r.kind {
	case roomAll:
		c.allRoom = w
	case roomMachine:
		setOrDelete(c.machineRooms, r.machine, w)
	case roomLine:
		setOrDelete(c.lineRooms, r.placement, w)
	}
}

func setOrDelete[K comparable](rooms map[K]*watchedRoom, key K, w *watchedRoom) {
	if w == nil {
		delete(rooms, key)
	} else {
		rooms[key] = w
	}
}

// reassignRoomsLocked updates the machines that a room may include.
func (c *latestCache) reassignRoomsLocked(r room) {
	if r.kind == roomMachine {
		if m := c.machines[r.machine]; m != nil {
			c.assignRoomsLocked(m)
		}
		return
	}
	for _, m := range c.machines {
		m.placement = c.placementLocked(m.name)
		c.assignRoomsLocked(m)
	}
}

// assignRoomsLocked finds the watched rooms that include m. It drops m if there
// are none.
func (c *latestCache) assignRoomsLocked(m *machineEntry) {
	m.rooms, m.local, m.remote = m.rooms[:0], false, false
	for _, w := range []*watchedRoom{c.machineRooms[m.name], c.lineRooms[m.placement], c.allRoom} {
		if w != nil {
			m.rooms = append(m.rooms, w)
			m.local = m.local || w.local
			m.remote = m.remote || w.remote
		}
	}
	if len(m.rooms) == 0 {
		delete(c.machines, m.name)
	}
}

// placementLocked returns a machine's placement. It looks it up only if a line is
// watched.
func (c *latestCache) placementLocked(machine string) factory.Placement {
	if len(c.lineRooms) == 0 || c.placement == nil {
		return factory.Placement{}
	}
	placement, _ := c.placement(machine)
	return placement
}

// relocate updates a machine whose placement has changed.
func (c *latestCache) relocate(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.machines[name]; m != nil {
		m.placement = c.placementLocked(name)
		c.assignRoomsLocked(m)
	}
}
