package lineprotocol

import (
	"bytes"
	"unsafe"
)

// Scanner walks through lines, and within a line from left to right:
//
//	s := lineprotocol.NewScanner(body)
//	for s.Next() {
//		measurement := s.Measurement()
//		for s.Tag(&tag) { … }
//		for s.Field(&field) { … }
//		timestamp, given := s.Timestamp()
//		if fault := s.Fault(); fault != nil { … } // nothing of the line counts
//	}
//
// Whatever is not asked for is checked and passed over.
type Scanner struct {
	b []byte
	i int
	// line is the number of the line that b[i] is in, from 1.
	line int
	// start is where the present line begins, first its number.
	start, first int
	part         part
	fault        Fault
	failed       bool
}

// part is what comes next in a line.
type part uint8

const (
	inMeasurement part = iota
	inTags
	inFields
	inTimestamp
	atEnd
)

// Tag is a tag of a line. Neither string is empty.
type Tag struct{ Key, Value string }

// Fault is what is wrong with a line.
type Fault struct {
	// Line is the line that it begins in, from 1; Column the byte of the fault
	// counted from the beginning of that line, from 1.
	Line, Column int
	// Reason is a short phrase.
	Reason string
}

// Error returns the reason.
func (f *Fault) Error() string { return f.Reason }

// NewScanner returns a Scanner for b, which it may change in place.
func NewScanner(b []byte) Scanner { return Scanner{b: b, line: 1, part: atEnd} }

// Next goes to the next line that holds a point, or something that ought to be
// one, and reports whether there is one.
func (s *Scanner) Next() bool {
	s.finish()
	if s.failed {
		s.toNewline()
	}
	s.failed = false
	for s.i < len(s.b) {
		s.start, s.first = s.i, s.line
		s.spaces()
		switch {
		case s.end():
			return false
		case s.b[s.i] == '#':
			s.toNewline()
		case s.endOfLine():
		default:
			s.part = inMeasurement
			return true
		}
	}
	return false
}

// finish reads what is left of the present line, up to a fault.
func (s *Scanner) finish() {
	if s.part < atEnd {
		s.Timestamp()
	}
}

// Fault reads the present line to its end and says what is wrong with it: nil
// for a good line. The result is good until Next.
func (s *Scanner) Fault() *Fault {
	s.finish()
	if !s.failed {
		return nil
	}
	return &s.fault
}

// Line returns the number of the line that the point begins in, from 1.
func (s *Scanner) Line() int { return s.first }

// fail ends the present line. A line has one fault: after it, there are no
// more parts to read.
func (s *Scanner) fail(at int, reason string) {
	if s.part == atEnd && s.failed {
		return
	}
	s.part, s.failed = atEnd, true
	s.fault = Fault{Line: s.first, Column: at - s.start + 1, Reason: reason}
}

// Measurement returns the measurement; call it first.
func (s *Scanner) Measurement() string {
	if s.part != inMeasurement {
		return ""
	}
	name := s.name(endsMeasurement)
	if name == "" {
		s.fail(s.i, "no measurement")
		return ""
	}
	s.part = inTags
	return name
}

// Tag reads the next tag into t and reports whether there was one.
func (s *Scanner) Tag(t *Tag) bool {
	if s.part == inMeasurement {
		s.Measurement()
	}
	if s.part != inTags {
		return false
	}
	if s.end() {
		s.fail(s.i, "no fields")
		return false
	}
	switch s.b[s.i] {
	case ' ':
		s.spaces()
		s.part = inFields
		return false
	case ',':
		s.i++
	default:
		s.fail(s.i, "expected a comma with a tag, or a space with the fields")
		return false
	}
	if t.Key = s.name(endsKey); t.Key == "" {
		s.fail(s.i, "expected a tag's name")
		return false
	}
	if !s.accept('=') {
		s.fail(s.i, "expected = after a tag's name")
		return false
	}
	if t.Value = s.name(endsKey); t.Value == "" {
		s.fail(s.i, "expected a tag's value")
		return false
	}
	return true
}

func (s *Scanner) toFields() {
	var t Tag
	for s.Tag(&t) {
	}
}

// Timestamp returns the line's timestamp, if it has one.
func (s *Scanner) Timestamp() (timestamp int64, given bool) {
	if s.part < inTimestamp {
		s.toTimestamp()
	}
	if s.part != inTimestamp {
		return 0, false
	}
	if s.part = atEnd; s.endOfLine() {
		return 0, false
	}
	start := s.i
	timestamp, given = s.integer()
	if !given {
		s.fail(start, "expected a timestamp, a whole number of 64 bits")
		return 0, false
	}
	s.spaces()
	if !s.endOfLine() {
		s.fail(s.i, "there is more after the timestamp")
		return 0, false
	}
	return timestamp, true
}

func (s *Scanner) toTimestamp() {
	var f Field
	for s.Field(&f) {
	}
}

func (s *Scanner) end() bool { return s.i >= len(s.b) }

func (s *Scanner) accept(c byte) bool {
	if s.end() || s.b[s.i] != c {
		return false
	}
	s.i++
	return true
}

func (s *Scanner) spaces() {
	for s.i < len(s.b) && s.b[s.i] == ' ' {
		s.i++
	}
}

// endOfLine passes over the end of a line, CR LF or LF, or is at the input's.
func (s *Scanner) endOfLine() bool {
	at := s.i
	if at < len(s.b) && s.b[at] == '\r' {
		at++
	}
	if at < len(s.b) {
		if s.b[at] != '\n' {
			return false
		}
		at++
		s.line++
	}
	s.i = at
	return true
}

// toNewline goes behind the next newline.
func (s *Scanner) toNewline() {
	end := bytes.IndexByte(s.b[s.i:], '\n')
	if end < 0 {
		s.i = len(s.b)
		return
	}
	s.i += end + 1
	s.line++
}

// text is b as a string that lies in the input.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
