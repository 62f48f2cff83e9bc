package lineprotocol

import "unicode/utf8"

// Classes of bytes, as bits. A control character ends every name; no rule of the
// syntax allows it after a name, so the line is invalid then.
const (
	endsMeasurement = 1 << iota // comma and space
	endsKey                     // the same and =
	// special bytes end a run that needs neither unescaping nor UTF-8 checks.
	special
)

var byteClasses = func() (c [256]uint8) {
	for i := range ' ' {
		c[i] = endsMeasurement | endsKey | special
	}
	c[0x7f] = endsMeasurement | endsKey | special
	c[','] = endsMeasurement | endsKey | special
	c[' '] = endsMeasurement | endsKey | special
	c['='] = endsKey | special
	c['\\'] = special
	for i := 0x80; i < len(c); i++ {
		c[i] = special
	}
	return c
}()

// notUTF8 is the detail of invalid text, in names and in strings.
const notUTF8 = "text is not valid UTF-8"

// name reads a name up to a byte of the class ends. It returns "" and fails the
// line if the name is not valid UTF-8.
func (s *Scanner) name(ends uint8) string {
	start, i, b := s.pos, s.pos, s.data
	for i < len(b) && byteClasses[b[i]]&special == 0 {
		i++
	}
	if i == len(b) || byteClasses[b[i]]&ends != 0 {
		s.pos = i
		return unsafeString(b[start:i])
	}
	return s.escapedName(start, i, ends)
}

// escapedName reads the rest of a name that began at start, from the special byte
// at i on, and unescapes it in place. A backslash escapes a byte that would end
// the name, except a control character; before any other byte it stands for
// itself.
func (s *Scanner) escapedName(start, i int, ends uint8) string {
	b, to := s.data, i
	for i < len(b) {
		c := b[i]
		if c == '\\' && i+1 < len(b) && b[i+1] >= ' ' && b[i+1] != 0x7f && byteClasses[b[i+1]]&ends != 0 {
			i++
			c = b[i]
		} else if byteClasses[c]&ends != 0 {
			break
		}
		b[to] = c
		to++
		i++
	}
	s.pos = i
	if !utf8.Valid(b[start:to]) {
		s.fail(start, notUTF8)
		return ""
	}
	return unsafeString(b[start:to])
}
