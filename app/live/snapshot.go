package live

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live/hub"
)

// enter makes a room ready to be shown and counts its user; exit is to follow,
// unless there is an error. It waits for the store where nobody has looked at
// the room before.
func (r *Server) acquireRoom(ctx context.Context, room room) error {
	attempt, ours, err := r.retainRoom(room)
	if attempt == nil {
		return err
	}
	if ours {
		r.loadRoom(ctx, room, attempt)
	}
	select {
	case <-attempt.done:
		err = attempt.err
	case <-ctx.Done():
		err = fmt.Errorf("room %q takes too long: %w", clip(room.name), factory.ErrUnavailable)
	}
	if err != nil {
		r.releaseRoom(room.name)
	}
	return err
}

// approach counts a room's user. Where the room is not ready, it returns the
// attempt to make it so, and whether that is the caller's to do.
func (r *Server) retainRoom(room room) (attempt *roomLoad, ours bool, err error) {
	r.roomsMu.Lock()
	defer r.roomsMu.Unlock()
	if r.closed {
		return nil, false, fmt.Errorf("%w: %w", errStopped, factory.ErrUnavailable)
	}
	a := r.rooms[room.name]
	if a == nil {
		a = &roomState{room: room, loaded: room.kind == roomAlarms}
		r.rooms[room.name] = a
		if room.kind != roomAlarms {
			r.cache.watch(room, true)
		}
	}
	a.refs++
	if a.loaded {
		return nil, false, nil
	}
	if ours = a.load == nil; ours {
		a.load = &roomLoad{done: make(chan struct{}), err: errLoadAborted}
	}
	return a.load, ours, nil
}

// errUnfinished is what those who wait get where the one who reads panics.
var errLoadAborted = fmt.Errorf("the snapshot was not finished: %w", factory.ErrUnavailable)

// fill reads a room from the store, and lets those go on who wait for it.
func (r *Server) loadRoom(ctx context.Context, room room, attempt *roomLoad) {
	defer func() {
		r.roomsMu.Lock()
		defer r.roomsMu.Unlock()
		defer close(attempt.done)
		a := r.rooms[room.name]
		a.load = nil
		if attempt.err == errLoadAborted { //nolint:errorlint // it is never wrapped
			r.releaseRoomLocked(room.name) // a panic passes through; nobody else does it
		}
		if a.loaded = attempt.err == nil; a.loaded {
			r.flushLocked() // nobody here has seen it; it counts as shown
		}
	}()
	attempt.err = r.loadLatest(ctx, room)
}

// exit takes back one enter.
func (r *Server) releaseRoom(name string) {
	r.roomsMu.Lock()
	defer r.roomsMu.Unlock()
	r.releaseRoomLocked(name)
}

func (r *Server) releaseRoomLocked(name string) {
	a := r.rooms[name]
	if a == nil {
		return
	}
	a.refs--
	if a.refs > 0 {
		return
	}
	delete(r.rooms, name)
	if a.room.kind != roomAlarms {
		r.cache.unwatch(a.room, true)
	}
}

// join gives m the snapshot of a room that it has entered, and all events from
// then on. One that is in the room already gets the snapshot alone.
func (r *Server) subscribe(m hub.Member, name string) {
	r.roomsMu.Lock()
	defer r.roomsMu.Unlock()
	a := r.rooms[name]
	if a == nil || r.closed {
		return
	}
	r.hub.Join(name, m, func(seq uint64) *hub.Frame { return r.snapshotLocked(a, seq) })
}

// snapshotLocked returns the room's snapshot at seq; whoever comes before
// anything changes gets the same one.
func (r *Server) snapshotLocked(a *roomState, seq uint64) *hub.Frame {
	if f := a.snapshot; f != nil && f.Seq == seq && a.snapshotEpoch == r.epoch && a.snapshotVersion == r.retained.version {
		return f
	}
	f := &hub.Frame{Room: a.room.name, Event: eventSnapshot, Seq: seq, Data: r.snapshotData(a.room)}
	if a.snapshot = nil; a.refs >= minSnapshotRefs {
		a.snapshot, a.snapshotEpoch, a.snapshotVersion = f, r.epoch, r.retained.version
	}
	return f
}

// worthKeeping is how many users a room must have for the next of them to be
// likely to need the same snapshot.
const minSnapshotRefs = 4

func (r *Server) snapshotData(room room) []byte {
	data := append([]byte(nil), `{"readings":`...)
	data = r.cache.appendReadings(data, room)
	data = r.retained.append(data, room, func(machine string) bool { return r.roomHasMachine(room, machine) })
	return append(data, '}')
}

// shows reports whether a room shows a machine.
func (r *Server) roomHasMachine(room room, machine string) bool {
	switch room.kind {
	case roomAll:
		return true
	case roomMachine:
		return room.machine == machine
	case roomLine:
		if r.options.Placement == nil {
			return false
		}
		place, ok := r.options.Placement(machine)
		return ok && place == room.place
	}
	return false
}

// seedPage is how many series are read at once.
const latestPageSize = 1000

// seed reads from the store what a room shows.
func (r *Server) loadLatest(ctx context.Context, room room) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.SnapshotTimeout)
	defer cancel()
	q := factory.LatestQuery{Machine: room.machine, Limit: latestPageSize}
	for {
		page, err := r.options.Latest.Latest(ctx, q)
		if err != nil {
			return fmt.Errorf("snapshot of room %q: %w", clip(room.name), err)
		}
		r.cache.applyStored(page.Readings, func(machine string) bool { return r.roomHasMachine(room, machine) })
		if page.NextCursor == "" {
			return nil
		}
		q.Cursor = page.NextCursor
	}
}

// lose notes that a room's members may have missed something.
func (r *Server) markStale(name string) {
	r.stale.Lock()
	r.stale.rooms[name] = true
	r.stale.Unlock()
	select {
	case r.stale.wake <- struct{}{}:
	default:
	}
}

// repair gives the members of rooms that have lost something a fresh snapshot.
// Losses come in bursts; they are gathered first.
func (r *Server) runResync(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.stale.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(r.options.Interval):
		}
		r.stale.Lock()
		rooms := r.stale.rooms
		r.stale.rooms = map[string]bool{}
		r.stale.Unlock()
		for name := range rooms {
			if ctx.Err() == nil {
				r.guard(func() { r.resync(ctx, name) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(r.options.ResyncInterval):
		}
	}
}

// mend reads a room from the store again and shows it to its members.
func (r *Server) resync(ctx context.Context, name string) {
	r.roomsMu.Lock()
	a := r.rooms[name]
	r.roomsMu.Unlock()
	if a == nil || !r.hub.Has(name) {
		return
	}
	if a.room.kind != roomAlarms {
		if err := r.loadLatest(ctx, a.room); err != nil {
			r.markStale(name) // again, after the pause
			return
		}
	}
	r.roomsMu.Lock()
	defer r.roomsMu.Unlock()
	if r.closed {
		return
	}
	r.flushLocked()
	r.hub.Emit(name, eventSnapshot, r.snapshotData(a.room), false)
	r.epoch++
	r.counters.resyncs.Add(1)
}

// contain runs f; a panic in it is reported and goes no further.
func (r *Server) guard(f func()) {
	returned := false
	defer func() {
		if !returned {
			r.options.OnPanic(recover(), debug.Stack())
		}
	}()
	f()
	returned = true
}
