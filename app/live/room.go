package live

import (
	"fmt"
	"strings"

	"smart-factory-backend/app/factory"
)

// The kinds of room. A name is the kind, followed by what the room is about.
const (
	roomAll     = "all"
	roomAlarms  = "alarms"
	roomMachine = "machine:"
	roomLine    = "line:"
)

// room is a parsed room name.
type room struct {
	name      string
	kind      string
	machine   string            // for roomMachine
	placement factory.Placement // for roomLine
}

// parseRoom parses a room name. The error wraps factory.ErrInvalid.
func parseRoom(name string) (room, error) {
	switch {
	case name == roomAll || name == roomAlarms:
		return room{name: name, kind: name}, nil
	case strings.HasPrefix(name, roomMachine):
		machine := name[len(roomMachine):]
		if err := factory.ValidateName(factory.KindMachine, machine); err != nil {
			return room{}, fmt.Errorf("room: %w", err)
		}
		return room{name: name, kind: roomMachine, machine: machine}, nil
	case strings.HasPrefix(name, roomLine):
		return parseLineRoom(name)
	}
	return room{}, fmt.Errorf("room %q: want machine:ID, line:SITE/AREA/LINE, alarms or all: %w", clip(name), factory.ErrInvalid)
}

func parseLineRoom(name string) (room, error) {
	parts := strings.Split(name[len(roomLine):], "/")
	if len(parts) != 3 {
		return room{}, fmt.Errorf("room %q: want line:SITE/AREA/LINE: %w", clip(name), factory.ErrInvalid)
	}
	for i, kind := range []string{"site", "area", "line"} {
		if err := factory.ValidateName(kind, parts[i]); err != nil {
			return room{}, fmt.Errorf("room: %w", err)
		}
	}
	placement := factory.Placement{Site: parts[0], Area: parts[1], Line: parts[2]}
	return room{name: name, kind: roomLine, placement: placement}, nil
}

// lineRoom returns the name of a line's room, "" for an incomplete placement.
func lineRoom(p factory.Placement) string {
	if p.Site == "" || p.Area == "" || p.Line == "" {
		return ""
	}
	return roomLine + p.Site + "/" + p.Area + "/" + p.Line
}

// roomsOf lists the rooms that include a machine. For "" that is only all.
func (s *Server) roomsOf(machine string) []string {
	rooms := append(make([]string, 0, 4), roomAll)
	if machine == "" {
		return rooms
	}
	rooms = append(rooms, roomMachine+machine)
	if s.options.Placement != nil {
		placement, _ := s.options.Placement(machine) // zero if it is unknown
		if line := lineRoom(placement); line != "" {
			rooms = append(rooms, line)
		}
	}
	return rooms
}

// roomHasMachine reports whether a room includes a machine.
func (s *Server) roomHasMachine(room room, machine string) bool {
	switch room.kind {
	case roomAll:
		return true
	case roomMachine:
		return room.machine == machine
	case roomLine:
		if s.options.Placement == nil {
			return false
		}
		placement, ok := s.options.Placement(machine)
		return ok && placement == room.placement
	}
	return false
}

// clip shortens a client's text that is repeated in an error.
func clip(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
