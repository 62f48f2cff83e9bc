package lineprotocol

import (
	"bytes"
	"unsafe"
)

// Scanner reads lines, and each line from left to right:
//
//	s := lineprotocol.NewScanner(body)
//	for s.Next() {
//		measurement := s.Measurement()
//		for s.Tag(&tag) { … }
//		for s.Field(&field) { … }
//		timestamp, given := s.Timestamp()
//		if err := s.Err(); err != nil { … } // discard the line
//	}
//
// A part that the caller does not read is skipped, but its syntax is checked.
type Scanner struct {
	data []byte
	pos  int
	line int // number of the line at pos, from 1
	// lineStart is the offset of the current line and firstLine its number; a
	// string in it may span further lines.
	lineStart, firstLine int
	part                 part
	err                  SyntaxError
	failed               bool // err is set
}

// part is the part of a line that is read next.
type part uint8

const (
	inMeasurement part = iota
	inTags
	inFields
	inTimestamp
	lineRead // none: the line is read or invalid
)

// Tag is a tag of a line. Neither string is empty.
type Tag struct{ Key, Value string }

// SyntaxError says what is wrong with a line.
type SyntaxError struct {
	// Line is the number of the line, from 1. Column is the offset of the error
	// from the beginning of that line, in bytes from 1.
	Line, Column int
	// Detail is a short phrase.
	Detail string
}

// Error returns the detail.
func (e *SyntaxError) Error() string { return e.Detail }

// NewScanner returns a Scanner for data, which the Scanner may change.
func NewScanner(data []byte) Scanner { return Scanner{data: data, line: 1, part: lineRead} }

// Next moves to the next line that is neither empty nor a comment and reports
// whether there is one.
func (s *Scanner) Next() bool {
	s.skipRest()
	if s.failed {
		s.skipLine()
	}
	s.failed = false
	for s.pos < len(s.data) {
		s.lineStart, s.firstLine = s.pos, s.line
		s.skipSpaces()
		switch {
		case s.atEnd():
			return false
		case s.data[s.pos] == '#':
			s.skipLine()
		case s.acceptLineEnd():
		default:
			s.part = inMeasurement
			return true
		}
	}
	return false
}

// skipRest reads the rest of the current line, up to an error.
func (s *Scanner) skipRest() {
	if s.part < lineRead {
		s.Timestamp()
	}
}

// Err reads the rest of the current line and returns what is wrong with it, nil
// for a valid line. The result is valid until Next.
func (s *Scanner) Err() *SyntaxError {
	s.skipRest()
	if !s.failed {
		return nil
	}
	return &s.err
}

// Line returns the number of the line in which the point begins, from 1.
func (s *Scanner) Line() int { return s.firstLine }

// fail records the first error of the current line and ends its reading.
func (s *Scanner) fail(at int, detail string) {
	if s.part == lineRead && s.failed {
		return
	}
	s.part, s.failed = lineRead, true
	s.err = SyntaxError{Line: s.firstLine, Column: at - s.lineStart + 1, Detail: detail}
}

// Measurement returns the measurement of the line. It returns "" after another
// part was read, and for an invalid line.
func (s *Scanner) Measurement() string {
	if s.part != inMeasurement {
		return ""
	}
	name := s.name(endsMeasurement)
	if name == "" {
		s.fail(s.pos, "expected a measurement")
		return ""
	}
	s.part = inTags
	return name
}

// Tag reads the next tag into t and reports whether there is one.
func (s *Scanner) Tag(t *Tag) bool {
	if s.part == inMeasurement {
		s.Measurement()
	}
	if s.part != inTags {
		return false
	}
	if s.atEnd() {
		s.fail(s.pos, "the line has no fields")
		return false
	}
	switch s.data[s.pos] {
	case ' ':
		s.skipSpaces()
		s.part = inFields
		return false
	case ',':
		s.pos++
	default:
		s.fail(s.pos, "expected a comma and a tag, or a space and the fields")
		return false
	}
	if t.Key = s.name(endsKey); t.Key == "" {
		s.fail(s.pos, "expected the key of a tag")
		return false
	}
	if !s.accept('=') {
		s.fail(s.pos, "expected = after the key of a tag")
		return false
	}
	if t.Value = s.name(endsKey); t.Value == "" {
		s.fail(s.pos, "expected the value of a tag")
		return false
	}
	return true
}

func (s *Scanner) skipTags() {
	var t Tag
	for s.Tag(&t) {
	}
}

// seriesKey returns the bytes of the measurement and the tags of the line that was
// not read yet, nil if they are long or may not be valid.
func (s *Scanner) seriesKey() []byte {
	if s.part != inMeasurement {
		return nil
	}
	rest := s.data[s.pos:min(len(s.data), s.pos+maxSeriesKey)]
	for end := 0; ; end++ {
		step := bytes.IndexByte(rest[end:], ' ')
		if step < 0 {
			return nil
		}
		end += step
		if end > 0 && rest[end-1] != '\\' { // a backslash before a space always escapes it
			return rest[:end]
		}
	}
}

// skipSeries moves behind the measurement and the tags, which have n bytes.
func (s *Scanner) skipSeries(n int) {
	s.pos += n
	s.skipSpaces()
	s.part = inFields
}

// Timestamp returns the timestamp of the line; given is false if it has none.
func (s *Scanner) Timestamp() (timestamp int64, given bool) {
	if s.part < inTimestamp {
		s.skipFields()
	}
	if s.part != inTimestamp {
		return 0, false
	}
	if s.part = lineRead; s.acceptLineEnd() {
		return 0, false
	}
	start := s.pos
	timestamp, given = s.integer()
	if !given {
		s.fail(start, "expected a timestamp, an integer of 64 bits")
		return 0, false
	}
	s.skipSpaces()
	if !s.acceptLineEnd() {
		s.fail(s.pos, "unexpected data after the timestamp")
		return 0, false
	}
	return timestamp, true
}

func (s *Scanner) skipFields() {
	var f Field
	for s.Field(&f) {
	}
}

func (s *Scanner) atEnd() bool { return s.pos >= len(s.data) }

func (s *Scanner) accept(c byte) bool {
	if s.atEnd() || s.data[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *Scanner) skipSpaces() {
	for s.pos < len(s.data) && s.data[s.pos] == ' ' {
		s.pos++
	}
}

// acceptLineEnd reads CR LF or LF if it is next, and reports whether it was, or
// all input is read.
func (s *Scanner) acceptLineEnd() bool {
	at := s.pos
	if at < len(s.data) && s.data[at] == '\r' {
		at++
	}
	if at < len(s.data) {
		if s.data[at] != '\n' {
			return false
		}
		at++
		s.line++
	}
	s.pos = at
	return true
}

// skipLine moves behind the next newline.
func (s *Scanner) skipLine() {
	end := bytes.IndexByte(s.data[s.pos:], '\n')
	if end < 0 {
		s.pos = len(s.data)
		return
	}
	s.pos += end + 1
	s.line++
}

// unsafeString returns b as a string that shares its memory.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
