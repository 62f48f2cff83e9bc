package socketio

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// walkPlaceholders calls f, in order, with the bounds and the number of each
// placeholder in data, which is a valid JSON value or a list of them. It
// returns false if a placeholder does not refer to one of n attachments.
// Placeholders are recognised as a JavaScript parser sees them: member names
// may be escaped or repeated.
func walkPlaceholders(data []byte, n int, f func(start, end, num int)) bool {
	w := placeholderWalker{data: data, n: n, found: f}
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

type placeholderWalker struct {
	data  []byte
	n     int
	found func(start, end, num int)
}

// value walks the value at i and returns the index after it, or -1 for an
// invalid placeholder.
func (w *placeholderWalker) value(i int) int {
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

func (w *placeholderWalker) object(start int) int {
	var marked, nested bool
	num := -1
	i := skipSpace(w.data, start+1)
	for w.data[i] != '}' {
		key := i
		i = skipString(w.data, i)
		name := w.data[key:i]
		at := skipSpace(w.data, skipSpace(w.data, i)+1) // after the colon
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

// isName reports whether name is the JSON string quoted, which has no escapes.
func isName(name []byte, quoted string) bool {
	if bytes.IndexByte(name, '\\') < 0 {
		return string(name) == quoted
	}
	var s string
	return json.Unmarshal(name, &s) == nil && s == quoted[1:len(quoted)-1]
}

// number returns the attachment index at i, or -1 if it is invalid.
func (w *placeholderWalker) number(i int) int {
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
