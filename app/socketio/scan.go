package socketio

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// maxDepth is how deep arrays and objects from outside may be nested.
const maxDepth = 256

// skipValue returns the index behind the JSON value (RFC 8259) that begins at
// data[i], or -1 if there is no valid one.
func skipValue(data []byte, i, depth int) int {
	if i >= len(data) {
		return -1
	}
	switch c := data[i]; c {
	case '"':
		return skipString(data, i)
	case '{', '[':
		if depth >= maxDepth {
			return -1
		}
		return skipComposite(data, i, depth+1)
	case 't':
		return skipLiteral(data, i, "true")
	case 'f':
		return skipLiteral(data, i, "false")
	case 'n':
		return skipLiteral(data, i, "null")
	default:
		return skipNumber(data, i)
	}
}

// skipComposite is skipValue for the array or object at data[i].
func skipComposite(data []byte, i, depth int) int {
	object := data[i] == '{'
	end := byte(']')
	if object {
		end = '}'
	}
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == end {
		return i + 1
	}
	for {
		if object {
			if i >= len(data) || data[i] != '"' {
				return -1
			}
			if i = skipString(data, i); i < 0 {
				return -1
			}
			if i = skipSpace(data, i); i >= len(data) || data[i] != ':' {
				return -1
			}
			i = skipSpace(data, i+1)
		}
		if i = skipValue(data, i, depth); i < 0 {
			return -1
		}
		if i = skipSpace(data, i); i >= len(data) {
			return -1
		}
		switch data[i] {
		case end:
			return i + 1
		case ',':
			i = skipSpace(data, i+1)
		default:
			return -1
		}
	}
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\r' || data[i] == '\t') {
		i++
	}
	return i
}

func skipLiteral(data []byte, i int, literal string) int {
	if end := i + len(literal); end <= len(data) && string(data[i:end]) == literal {
		return end
	}
	return -1
}

func skipString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c == '\\':
			i++
			if i >= len(data) {
				return -1
			}
			switch data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if i+4 >= len(data) {
					return -1
				}
				for _, h := range data[i+1 : i+5] {
					if !isHex(h) {
						return -1
					}
				}
				i += 4
			default:
				return -1
			}
		}
	}
	return -1
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func skipNumber(data []byte, i int) int {
	if i < len(data) && data[i] == '-' {
		i++
	}
	whole := i
	i = skipDigits(data, i)
	if i == whole || data[whole] == '0' && i > whole+1 {
		return -1
	}
	if i < len(data) && data[i] == '.' {
		fraction := i + 1
		if i = skipDigits(data, fraction); i == fraction {
			return -1
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		if i++; i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		exponent := i
		if i = skipDigits(data, exponent); i == exponent {
			return -1
		}
	}
	return i
}

func skipDigits(data []byte, i int) int {
	for i < len(data) && isDigit(data[i]) {
		i++
	}
	return i
}

// validKind reports whether data is one valid JSON value of the kind that
// first begins ('{', '[' or '"').
func validKind(data []byte, first byte) bool {
	i := skipSpace(data, 0)
	if i >= len(data) || data[i] != first {
		return false
	}
	if i = skipValue(data, i, 0); i < 0 {
		return false
	}
	return skipSpace(data, i) == len(data)
}

// inner returns what stands between the brackets of an array that has been
// checked.
func inner(array []byte) []byte {
	array = bytes.TrimSpace(array)
	if len(array) < 2 {
		return nil
	}
	return bytes.TrimSpace(array[1 : len(array)-1])
}

// each calls f with the places of the values in a comma-separated list that
// has been checked, until f returns false.
func each(list []byte, f func(start, end int) bool) {
	for i := skipSpace(list, 0); i < len(list); {
		end := skipValue(list, i, 0)
		if end < 0 || !f(i, end) {
			return
		}
		if i = skipSpace(list, end); i < len(list) {
			i = skipSpace(list, i+1) // the comma
		}
	}
}

// placeholders calls f, in order, with the place of each placeholder in data,
// which is valid JSON or a list of it, and with its number. It returns false
// if there is one that does not refer to one of n attachments, as JavaScript's
// parser would see it: names may be escaped or doubled.
func placeholders(data []byte, n int, f func(start, end, num int)) bool {
	w := placeholderWalk{data: data, n: n, found: f}
	for i := skipSpace(data, 0); i < len(data); i = skipSpace(data, i) {
		if data[i] == ',' {
			i++
			continue
		}
		if i = w.value(i); i < 0 {
			return false
		}
	}
	return true
}

type placeholderWalk struct {
	data  []byte
	n     int
	found func(start, end, num int)
}

// value walks the value at i and returns the index behind it, -1 for a
// placeholder that refers to nothing.
func (w *placeholderWalk) value(i int) int {
	switch w.data[i] {
	case '[':
		for i = skipSpace(w.data, i+1); w.data[i] != ']'; {
			if i = w.value(i); i < 0 {
				return -1
			}
			if i = skipSpace(w.data, i); w.data[i] == ',' {
				i = skipSpace(w.data, i+1)
			}
		}
		return i + 1
	case '{':
		return w.object(i)
	default:
		return skipValue(w.data, i, 0)
	}
}

func (w *placeholderWalk) object(start int) int {
	var marked, nested bool
	num := -1
	i := skipSpace(w.data, start+1)
	for w.data[i] != '}' {
		key := i
		i = skipString(w.data, i)
		name := w.data[key:i]
		at := skipSpace(w.data, skipSpace(w.data, i)+1) // behind the colon
		if isName(name, `"_placeholder"`) {
			marked = w.data[at] == 't'
		}
		if isName(name, `"num"`) {
			num = w.number(at)
		}
		nested = nested || w.data[at] == '{' || w.data[at] == '['
		if i = w.value(at); i < 0 {
			return -1
		}
		if i = skipSpace(w.data, i); w.data[i] == ',' {
			i = skipSpace(w.data, i+1)
		}
	}
	i++
	if !marked {
		return i
	}
	if nested || num < 0 || num >= w.n {
		return -1
	}
	w.found(start, i, num)
	return i
}

// isName compares a quoted name with quoted, which has no escapes.
func isName(name []byte, quoted string) bool {
	if bytes.IndexByte(name, '\\') < 0 {
		return string(name) == quoted
	}
	var s string
	return json.Unmarshal(name, &s) == nil && s == quoted[1:len(quoted)-1]
}

// number returns the index that the value at i is, -1 if it is none.
func (w *placeholderWalk) number(i int) int {
	end := skipNumber(w.data, i)
	if end < 0 {
		return -1
	}
	v, err := strconv.ParseFloat(string(w.data[i:end]), 64)
	if err != nil || v < 0 || v >= float64(w.n) || v != float64(int(v)) {
		return -1
	}
	return int(v)
}
