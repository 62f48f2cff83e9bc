package factory

// Scope selects machines by each part that is not empty. The zero Scope selects all.
type Scope struct {
	Site    string `json:"site,omitempty"`
	Area    string `json:"area,omitempty"`
	Line    string `json:"line,omitempty"`
	Machine string `json:"machine,omitempty"`
}

// Selects reports whether the machine with the given placement is in the scope.
func (s Scope) Selects(machine string, p Placement) bool {
	fits := func(want, have string) bool { return want == "" || want == have }
	return fits(s.Site, p.Site) && fits(s.Area, p.Area) && fits(s.Line, p.Line) && fits(s.Machine, machine)
}

// Validate checks the names of the scope. Its error is MemberErrors.
func (s Scope) Validate() error {
	var faults MemberErrors
	for _, part := range []struct{ pointer, kind, name string }{
		{"/site", "site", s.Site}, {"/area", "area", s.Area}, {"/line", "line", s.Line}, {"/machine", KindMachine, s.Machine},
	} {
		if part.name != "" {
			faults.AddError(part.pointer, ValidateName(part.kind, part.name))
		}
	}
	return faults.Err()
}
