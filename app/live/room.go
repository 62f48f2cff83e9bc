package live

import (
	"fmt"
	"strings"

	"smart-factory-backend/app/factory"
)

// The kinds of room, as their names begin.
const (
	roomAll     = "all"
	roomAlarms  = "alarms"
	roomMachine = "machine:"
	roomLine    = "line:"
)

// room is a valid name of a room, taken apart.
type room struct {
	name string
	kind string
	// machine is that of a machine's room, place that of a line's.
	machine string
	place   factory.Placement
}

// parseRoom takes the name of a room apart. The error wraps factory.ErrInvalid.
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
		return parseLine(name)
	}
	return room{}, fmt.Errorf("room %q: want machine:ID, line:SITE/AREA/LINE, alarms or all: %w", clip(name), factory.ErrInvalid)
}

func parseLine(name string) (room, error) {
	parts := strings.Split(name[len(roomLine):], "/")
	if len(parts) != 3 {
		return room{}, fmt.Errorf("room %q: want line:SITE/AREA/LINE: %w", clip(name), factory.ErrInvalid)
	}
	for i, kind := range []string{"site", "area", "line"} {
		if err := factory.ValidateName(kind, parts[i]); err != nil {
			return room{}, fmt.Errorf("room: %w", err)
		}
	}
	place := factory.Placement{Site: parts[0], Area: parts[1], Line: parts[2]}
	return room{name: name, kind: roomLine, place: place}, nil
}

// lineRoom is the room of the line at a place, "" if the place names none.
func lineRoom(p factory.Placement) string {
	if p.Site == "" || p.Area == "" || p.Line == "" {
		return ""
	}
	return roomLine + p.Site + "/" + p.Area + "/" + p.Line
}

// clip shortens what a client sent for an answer to it.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
