package factory

import (
	"cmp"
	"fmt"
	"strings"
)

// Scope selects machines by each part that is not empty. The zero Scope selects all.
type Scope struct {
	Site    string `json:"site,omitempty"`
	Area    string `json:"area,omitempty"`
	Line    string `json:"line,omitempty"`
	Machine string `json:"machine,omitempty"`
}

// Selects reports whether the machine with the given placement is in the scope.
func (s Scope) Selects(machine string, p Placement) bool {
	return s.Covers(ScopeOf(machine, p))
}

// ScopeOf returns the scope of one machine: its id and its place.
func ScopeOf(machine string, at Placement) Scope {
	return Scope{Site: at.Site, Area: at.Area, Line: at.Line, Machine: machine}
}

// Covers reports whether s selects all machines that t selects.
func (s Scope) Covers(t Scope) bool {
	fits := func(want, have string) bool { return want == "" || want == have }
	return fits(s.Site, t.Site) && fits(s.Area, t.Area) && fits(s.Line, t.Line) && fits(s.Machine, t.Machine)
}

// Overlaps reports whether a machine can exist that both s and t select.
func (s Scope) Overlaps(t Scope) bool {
	fits := func(a, b string) bool { return a == "" || b == "" || a == b }
	return fits(s.Site, t.Site) && fits(s.Area, t.Area) && fits(s.Line, t.Line) && fits(s.Machine, t.Machine)
}

// Intersect returns the scope of the machines that both s and t select. They must
// overlap.
func (s Scope) Intersect(t Scope) Scope {
	return Scope{
		Site: cmp.Or(s.Site, t.Site), Area: cmp.Or(s.Area, t.Area), Line: cmp.Or(s.Line, t.Line), Machine: cmp.Or(s.Machine, t.Machine),
	}
}

// Depth returns how far down the hierarchy s reaches: 4 for a machine, 3 for a line,
// 2 for an area, 1 for a site, 0 for the whole installation.
func (s Scope) Depth() int {
	switch {
	case s.Machine != "":
		return 4
	case s.Line != "":
		return 3
	case s.Area != "":
		return 2
	case s.Site != "":
		return 1
	}
	return 0
}

// Validate checks the names of the scope. Its error is MemberErrors.
func (s Scope) Validate() error {
	var faults MemberErrors
	for _, part := range []struct{ pointer, kind, name string }{
		{"/site", "site", s.Site}, {"/area", "area", s.Area}, {"/line", "line", s.Line}, {"/machine", KindMachine, s.Machine},
	} {
		if part.name == "" {
			continue
		}
		faults.AddError(part.pointer, ValidateName(part.kind, part.name))
		if part.kind != KindMachine && strings.Contains(part.name, "/") {
			faults.Add(part.pointer, fmt.Sprintf("%q has a slash, which separates the parts of the path", part.name))
		}
	}
	return faults.Err()
}
