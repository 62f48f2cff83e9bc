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
func (r *Realtime) enter(ctx context.Context, room room) error {
	attempt, ours, err := r.approach(room)
	if attempt == nil {
		return err
	}
	if ours {
		r.fill(ctx, room, attempt)
	}
	select {
	case <-attempt.done:
		err = attempt.err
	case <-ctx.Done():
		err = fmt.Errorf("room %q takes too long: %w", clip(room.name), factory.ErrUnavailable)
	}
	if err != nil {
		r.exit(room.name)
	}
	return err
}

// approach counts a room's user. Where the room is not ready, it returns the
// attempt to make it so, and whether that is the caller's to do.
func (r *Realtime) approach(room room) (attempt *seeding, ours bool, err error) {
	r.stage.Lock()
	defer r.stage.Unlock()
	if r.closed {
		return nil, false, fmt.Errorf("%w: %w", errStopped, factory.ErrUnavailable)
	}
	a := r.rooms[room.name]
	if a == nil {
		a = &audience{room: room, seeded: room.kind == roomAlarms}
		r.rooms[room.name] = a
		if room.kind != roomAlarms {
			r.board.open(room, true)
		}
	}
	a.users++
	if a.seeded {
		return nil, false, nil
	}
	if ours = a.seeding == nil; ours {
		a.seeding = &seeding{done: make(chan struct{}), err: errUnfinished}
	}
	return a.seeding, ours, nil
}

// errUnfinished is what those who wait get where the one who reads panics.
var errUnfinished = fmt.Errorf("the snapshot was not finished: %w", factory.ErrUnavailable)

// fill reads a room from the store, and lets those go on who wait for it.
func (r *Realtime) fill(ctx context.Context, room room, attempt *seeding) {
	defer func() {
		r.stage.Lock()
		defer r.stage.Unlock()
		defer close(attempt.done)
		a := r.rooms[room.name]
		a.seeding = nil
		if attempt.err == errUnfinished { //nolint:errorlint // it is never wrapped
			r.exitLocked(room.name) // a panic passes through; nobody else does it
		}
		if a.seeded = attempt.err == nil; a.seeded {
			r.showLocked() // nobody here has seen it; it counts as shown
		}
	}()
	attempt.err = r.seed(ctx, room)
}

// exit takes back one enter.
func (r *Realtime) exit(name string) {
	r.stage.Lock()
	defer r.stage.Unlock()
	r.exitLocked(name)
}

func (r *Realtime) exitLocked(name string) {
	a := r.rooms[name]
	if a == nil {
		return
	}
	a.users--
	if a.users > 0 {
		return
	}
	delete(r.rooms, name)
	if a.room.kind != roomAlarms {
		r.board.close(a.room, true)
	}
}

// join gives m the snapshot of a room that it has entered, and all events from
// then on. One that is in the room already gets the snapshot alone.
func (r *Realtime) join(m hub.Member, name string) {
	r.stage.Lock()
	defer r.stage.Unlock()
	a := r.rooms[name]
	if a == nil || r.closed {
		return
	}
	r.hub.Join(name, m, func(seq uint64) *hub.Frame { return r.snapshotLocked(a, seq) })
}

// snapshotLocked returns the room's snapshot at seq; whoever comes before
// anything changes gets the same one.
func (r *Realtime) snapshotLocked(a *audience, seq uint64) *hub.Frame {
	if f := a.frame; f != nil && f.Seq == seq && a.epoch == r.epoch && a.version == r.kept.version {
		return f
	}
	f := &hub.Frame{Room: a.room.name, Event: eventSnapshot, Seq: seq, Data: r.snapshotData(a.room)}
	if a.frame = nil; a.users >= worthKeeping {
		a.frame, a.epoch, a.version = f, r.epoch, r.kept.version
	}
	return f
}

// worthKeeping is how many users a room must have for the next of them to be
// likely to need the same snapshot.
const worthKeeping = 4

func (r *Realtime) snapshotData(room room) []byte {
	data := append([]byte(nil), `{"readings":`...)
	data = r.board.snapshot(data, room)
	data = r.kept.append(data, room, func(machine string) bool { return r.shows(room, machine) })
	return append(data, '}')
}

// shows reports whether a room shows a machine.
func (r *Realtime) shows(room room, machine string) bool {
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
const seedPage = 1000

// seed reads from the store what a room shows.
func (r *Realtime) seed(ctx context.Context, room room) error {
	ctx, cancel := context.WithTimeout(ctx, r.options.SeedTimeout)
	defer cancel()
	q := factory.LatestQuery{Machine: room.machine, Limit: seedPage}
	for {
		page, err := r.options.Latest.Latest(ctx, q)
		if err != nil {
			return fmt.Errorf("snapshot of room %q: %w", clip(room.name), err)
		}
		r.board.seed(page.Readings, func(machine string) bool { return r.shows(room, machine) })
		if page.NextCursor == "" {
			return nil
		}
		q.Cursor = page.NextCursor
	}
}

// lose notes that a room's members may have missed something.
func (r *Realtime) lose(name string) {
	r.lost.Lock()
	r.lost.rooms[name] = true
	r.lost.Unlock()
	select {
	case r.lost.wake <- struct{}{}:
	default:
	}
}

// repair gives the members of rooms that have lost something a fresh snapshot.
// Losses come in bursts; they are gathered first.
func (r *Realtime) repair(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.lost.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(r.options.Interval):
		}
		r.lost.Lock()
		rooms := r.lost.rooms
		r.lost.rooms = map[string]bool{}
		r.lost.Unlock()
		for name := range rooms {
			if ctx.Err() == nil {
				r.contain(func() { r.mend(ctx, name) })
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(r.options.RepairPause):
		}
	}
}

// mend reads a room from the store again and shows it to its members.
func (r *Realtime) mend(ctx context.Context, name string) {
	r.stage.Lock()
	a := r.rooms[name]
	r.stage.Unlock()
	if a == nil || !r.hub.Has(name) {
		return
	}
	if a.room.kind != roomAlarms {
		if err := r.seed(ctx, a.room); err != nil {
			r.lose(name) // again, after the pause
			return
		}
	}
	r.stage.Lock()
	defer r.stage.Unlock()
	if r.closed {
		return
	}
	r.showLocked()
	r.hub.Emit(name, eventSnapshot, r.snapshotData(a.room), false)
	r.epoch++
	r.counts.repairs.Add(1)
}

// contain runs f; a panic in it is reported and goes no further.
func (r *Realtime) contain(f func()) {
	returned := false
	defer func() {
		if !returned {
			r.options.Panicked(recover(), debug.Stack())
		}
	}()
	f()
	returned = true
}
