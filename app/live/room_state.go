package live

import (
	"context"
	"fmt"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live/hub"
)

// roomState is a room that sessions of this process are in or about to join.
type roomState struct {
	room   room
	refs   int       // sessions that have acquired it
	loaded bool      // the cache holds what the store has
	load   *roomLoad // in progress; nil without one

	// The last snapshot, and the state of the Server for which it is valid.
	snapshot        *hub.Frame
	snapshotEpoch   uint64
	snapshotVersion uint64
}

// roomLoad is an attempt to load a room from the store.
type roomLoad struct {
	done chan struct{} // closed at the end
	err  error         // valid once done is closed
}

// acquireRoom makes a room ready for subscribers and holds it until releaseRoom.
// The first caller loads the room from the store; the others wait for it. After an
// error nothing is held.
func (s *Server) acquireRoom(ctx context.Context, room room) error {
	load, first, err := s.retainRoom(room)
	if load == nil {
		return err
	}
	if first {
		s.loadRoom(ctx, room, load)
	}
	select {
	case <-load.done:
		err = load.err
	case <-ctx.Done():
		err = fmt.Errorf("room %q takes too long to load: %w", clip(room.name), factory.ErrUnavailable)
	}
	if err != nil {
		s.releaseRoom(room.name)
	}
	return err
}

// retainRoom counts a reference to a room. For a room that is not loaded it
// returns the load to wait for; if first is set, the caller must run it.
func (s *Server) retainRoom(room room) (load *roomLoad, first bool, err error) {
	s.roomsMu.Lock()
	defer s.roomsMu.Unlock()
	if s.closed {
		return nil, false, errStopped
	}
	state := s.rooms[room.name]
	if state == nil {
		state = &roomState{room: room, loaded: room.kind == roomAlarms}
		s.rooms[room.name] = state
		s.cache.setWatched(room, true, true)
	}
	state.refs++
	if state.loaded {
		return nil, false, nil
	}
	if first = state.load == nil; first {
		state.load = &roomLoad{done: make(chan struct{}), err: errLoadAborted}
	}
	return state.load, first, nil
}

// loadRoom runs a load and ends it, even if the store panics.
func (s *Server) loadRoom(ctx context.Context, room room, load *roomLoad) {
	defer func() {
		s.roomsMu.Lock()
		defer s.roomsMu.Unlock()
		defer close(load.done)
		state := s.rooms[room.name]
		state.load = nil
		if load.err == errLoadAborted { //nolint:errorlint // it is never wrapped
			s.releaseRoomLocked(room.name) // the panic skips the caller's release
		}
		if state.loaded = load.err == nil; state.loaded {
			s.flushLocked() // nobody is in the room yet: the loaded readings belong to the snapshot
		}
	}()
	load.err = s.loadLatest(ctx, room)
}

// releaseRoom ends one acquireRoom.
func (s *Server) releaseRoom(name string) {
	s.roomsMu.Lock()
	defer s.roomsMu.Unlock()
	s.releaseRoomLocked(name)
}

func (s *Server) releaseRooms(rooms []room) {
	for _, room := range rooms {
		s.releaseRoom(room.name)
	}
}

func (s *Server) releaseRoomLocked(name string) {
	state := s.rooms[name]
	if state == nil {
		return
	}
	if state.refs--; state.refs > 0 {
		return
	}
	delete(s.rooms, name)
	s.cache.setWatched(state.room, true, false)
}
