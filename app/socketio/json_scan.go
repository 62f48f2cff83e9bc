package socketio

import (
	"bytes"
)

// maxDepth bounds the nesting of arrays and objects that clients send.
const maxDepth = 256

// skipValue returns the index after the JSON value (RFC 8259) at data[i], or
// -1 if it is invalid.
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

// validKind reports whether data is a single JSON value that starts with
// first: '{', '[' or '"'.
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

// arrayElements returns the text between the brackets of a valid array.
func arrayElements(array []byte) []byte {
	array = bytes.TrimSpace(array)
	if len(array) < 2 {
		return nil
	}
	return bytes.TrimSpace(array[1 : len(array)-1])
}

// eachValue calls f with the bounds of each value in a valid comma-separated
// list, until f returns false.
func eachValue(list []byte, f func(start, end int) bool) {
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
