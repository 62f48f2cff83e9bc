package lineprotocol

import "unicode/utf8"

// The bytes that end a name, as bits. A control character ends every name, and
// then nothing that may follow a name is there.
const (
	endsMeasurement = 1 << iota // a comma, a space
	endsKey                     // these and =
	// special bytes end a run that can be taken as it stands.
	special
)

var classes = func() (c [256]uint8) {
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

// notUTF8 is the fault of such text, in names and in strings.
const notUTF8 = "text that is not UTF-8"

// name reads a name up to the bytes that end it.
func (s *Scanner) name(ends uint8) string {
	start, i, b := s.i, s.i, s.b
	for i < len(b) && classes[b[i]]&special == 0 {
		i++
	}
	if i == len(b) || classes[b[i]]&ends != 0 {
		s.i = i
		return text(b[start:i])
	}
	return s.escapedName(start, i, ends)
}

// escapedName goes on where name came to a special byte that does not end it. A backslash before a byte that ends a name, control
// characters aside, stands for that byte, any other for itself.
func (s *Scanner) escapedName(start, i int, ends uint8) string {
	b, to := s.b, i
	for i < len(b) {
		c := b[i]
		if c == '\\' && i+1 < len(b) && b[i+1] >= ' ' && b[i+1] != 0x7f && classes[b[i+1]]&ends != 0 {
			i++
			c = b[i]
		} else if classes[c]&ends != 0 {
			break
		}
		b[to] = c
		to++
		i++
	}
	s.i = i
	if !utf8.Valid(b[start:to]) {
		s.fail(start, notUTF8)
		return ""
	}
	return text(b[start:to])
}
