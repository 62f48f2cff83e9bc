package factory

// Placement is the position of a machine in the ISA-95 equipment hierarchy. An
// empty part is unknown.
type Placement struct {
	Site, Area, Line string
}

// Machine describes a machine of the plant.
type Machine struct {
	// ID identifies the machine in its readings; see ValidateName.
	ID string
	// Name is the display name, "" if there is none.
	Name string
	Placement
	// Attributes are arbitrary key-value pairs; nil and empty are equivalent.
	Attributes map[string]string
	// Signals is a JSON object that says which metrics tell the machine's state and
	// counts; nil is none. Package timeline defines and validates it.
	Signals []byte
	// IdealCycle is the shortest possible time per piece in seconds, for pieces
	// whose product has none of its own; 0 is unknown.
	IdealCycle float64
	// Version starts at 1 and grows with each change of the description. The
	// entity tag is made from it.
	Version int64
	// CreatedAt and UpdatedAt are times of the server's clock in Unix milliseconds.
	CreatedAt, UpdatedAt int64
	// LastSeen is the newest observation time of its readings, 0 if it has none.
	LastSeen int64
}

// MachineQuery selects machines.
type MachineQuery struct {
	// Placement selects by each part that is not empty.
	Placement
	// Prefix is the prefix of the id; "" selects all.
	Prefix string
	// Cursor is the NextCursor of the previous page, "" for the first page.
	Cursor string
	// Limit is the maximum number of machines, at least 1.
	Limit int
}

// Selects reports whether m matches q, regardless of the page.
func (q MachineQuery) Selects(m Machine) bool {
	fits := func(want, have string) bool { return want == "" || want == have }
	return len(m.ID) >= len(q.Prefix) && m.ID[:len(q.Prefix)] == q.Prefix &&
		fits(q.Site, m.Site) && fits(q.Area, m.Area) && fits(q.Line, m.Line)
}

// MachinePage is one page of machines.
type MachinePage struct {
	Machines []Machine
	// NextCursor is the cursor of the next page, "" on the last page.
	NextCursor string
}
