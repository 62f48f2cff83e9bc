package thingsboard

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"smart-factory-backend/app/ingest/jsonscan"
)

// maxLenientBytes is the largest body that may be lenient JSON. It is converted as a
// whole, which takes memory that nothing else bounds.
const maxLenientBytes = 1 << 20

// toStrict converts what ThingsBoard takes for JSON, which is what Gson's lenient
// reader accepts, to JSON:
//
//	{temperature: 25, 'state': RUNNING; mode = "a"} // and comments
//
// Words that may be values stay as they are, so that true, 25 and RUNNING are told
// apart by the caller. The error is a *jsonscan.SyntaxError with the offset in body.
func toStrict(body []byte) ([]byte, error) {
	if len(body) > maxLenientBytes {
		return nil, &jsonscan.SyntaxError{Detail: "a body of more than 1 MiB must be strict JSON"}
	}
	l := lenient{in: string(body), out: make([]byte, 0, len(body)+len(body)/4)}
	if strings.HasPrefix(l.in, "\xef\xbb\xbf") { // a byte order mark
		l.pos = 3
	}
	if err := l.convert(); err != nil {
		return nil, err
	}
	return l.out, nil
}

// lenient converts one body.
type lenient struct {
	in    string
	pos   int
	out   []byte
	stack []byte // the brackets that are open
}

// lenientState is what comes next.
type lenientState uint8

const (
	wantValue    lenientState = iota
	firstElement              // or the end of the array
	firstKey                  // or the end of the object
	wantKey
	afterValue
)

// maxLenientDepth is the deepest nesting, which is that of jsonscan.
const maxLenientDepth = 17

func (l *lenient) convert() error {
	state := wantValue
	for {
		if err := l.skipBlanks(); err != nil {
			return err
		}
		if state == afterValue && len(l.stack) == 0 {
			if l.pos < len(l.in) {
				return l.fail("unexpected data after the JSON value")
			}
			return nil
		}
		next, err := l.step(state)
		if err != nil {
			return err
		}
		state = next
	}
}

// step converts one key, one value, or one bracket or separator.
func (l *lenient) step(state lenientState) (lenientState, error) {
	c := l.peek()
	switch state {
	case firstKey, wantKey:
		if c == '}' && state == firstKey {
			return l.closeBracket(c)
		}
		return wantValue, l.key()
	case afterValue:
		if c == ',' || c == ';' {
			l.pos++
			l.out = append(l.out, ',')
			if l.stack[len(l.stack)-1] == '{' {
				return wantKey, nil
			}
			return wantValue, nil
		}
		return l.closeBracket(c)
	}
	switch {
	case c == ']' && state == firstElement:
		return l.closeBracket(c)
	case c == '{' || c == '[':
		if len(l.stack) == maxLenientDepth {
			return 0, l.fail("nested deeper than 16 levels")
		}
		l.pos++
		l.stack, l.out = append(l.stack, c), append(l.out, c)
		if c == '{' {
			return firstKey, nil
		}
		return firstElement, nil
	case c == '"' || c == '\'':
		return afterValue, l.quoted(c)
	}
	word := l.word()
	if word == "" {
		return 0, l.fail("expected a value")
	}
	if plainWord(word) {
		l.out = append(l.out, word...)
	} else {
		l.appendText(word)
	}
	return afterValue, nil
}

func (l *lenient) peek() byte {
	if l.pos == len(l.in) {
		return 0
	}
	return l.in[l.pos]
}

func (l *lenient) fail(detail string) error {
	return &jsonscan.SyntaxError{Offset: l.pos, Detail: detail}
}

// closeBracket converts the closing bracket c, if it is one and matches.
func (l *lenient) closeBracket(c byte) (lenientState, error) {
	open := l.stack[len(l.stack)-1]
	if c != open+2 { // in ASCII, ] and } follow [ and { at a distance of 2
		if open == '{' {
			return 0, l.fail("expected , or } after a value")
		}
		return 0, l.fail("expected , or ] after an element")
	}
	l.pos++
	l.stack, l.out = l.stack[:len(l.stack)-1], append(l.out, c)
	return afterValue, nil
}

// key converts a key and what separates it from its value: a colon, =, or =>.
func (l *lenient) key() error {
	if c := l.peek(); c == '"' || c == '\'' {
		if err := l.quoted(c); err != nil {
			return err
		}
	} else {
		word := l.word()
		if word == "" {
			return l.fail("expected a key")
		}
		l.appendText(word)
	}
	if err := l.skipBlanks(); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(l.in[l.pos:], "=>"):
		l.pos++
	case l.peek() != ':' && l.peek() != '=':
		return l.fail("expected : after the key")
	}
	l.pos++
	l.out = append(l.out, ':')
	return nil
}

// endsWord are the characters that end a word without quotes, besides control
// characters.
const endsWord = "/\\;#={}[]:, \"'"

// word reads a word without quotes.
func (l *lenient) word() string {
	rest := l.in[l.pos:]
	ends := func(c rune) bool { return c < ' ' || strings.ContainsRune(endsWord, c) }
	if end := strings.IndexFunc(rest, ends); end >= 0 {
		rest = rest[:end]
	}
	l.pos += len(rest)
	return rest
}

// plainWord reports whether a word may stand where JSON has a value.
func plainWord(word string) bool {
	for i := range len(word) {
		c := word[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '+' && c != '.' {
			return false
		}
	}
	return true
}

// appendText appends a text as a JSON string.
func (l *lenient) appendText(text string) {
	l.out = append(l.out, '"')
	l.out = append(l.out, text...) // no quote, backslash or control character is part of a word
	l.out = append(l.out, '"')
}

// skipBlanks skips white space and comments.
func (l *lenient) skipBlanks() error {
	for l.pos < len(l.in) {
		rest := l.in[l.pos:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.pos++
		case rest[0] == '#', strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest) - 1
			}
			l.pos += end + 1
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return l.fail("comment is not closed")
			}
			l.pos += 2 + end + 2
		default:
			return nil
		}
	}
	return nil
}

// quoted converts a string in either kind of quotes.
func (l *lenient) quoted(quote byte) error {
	start := l.pos
	l.out = append(l.out, '"')
	for l.pos++; l.pos < len(l.in); l.pos++ {
		switch c := l.in[l.pos]; {
		case c == quote:
			l.pos++
			l.out = append(l.out, '"')
			return nil
		case c == '"':
			l.out = append(l.out, '\\', '"')
		case c == '\\':
			if err := l.escape(); err != nil {
				return err
			}
		case c == '\n':
			l.out = append(l.out, '\\', 'n')
		case c == '\r':
			l.out = append(l.out, '\\', 'r')
		case c == '\t':
			l.out = append(l.out, '\\', 't')
		case c < ' ':
			return l.fail("control character in a string")
		default:
			l.out = append(l.out, c)
		}
	}
	l.pos = start
	return l.fail("string is not closed")
}

// escape converts what follows a backslash.
func (l *lenient) escape() error {
	l.pos++
	switch c := l.peek(); c {
	case '\'':
		l.out = append(l.out, '\'')
	case '\n':
		l.out = append(l.out, '\\', 'n')
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		l.out = append(l.out, '\\', c)
	case 'u':
		if !isHex4(l.in[l.pos+1:]) {
			return l.fail("invalid escape in a string")
		}
		l.out = append(l.out, l.in[l.pos-1:l.pos+5]...)
		l.pos += 4
	default:
		return l.fail("invalid escape in a string")
	}
	return nil
}

func isHex4(text string) bool {
	if len(text) < 4 || !utf8.ValidString(text[:4]) {
		return false
	}
	_, err := strconv.ParseUint(text[:4], 16, 16)
	return err == nil && !strings.ContainsAny(text[:4], "_+-")
}
