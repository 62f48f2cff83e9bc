package socketio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Args are the arguments of an event or an acknowledgement in their encoded
// form. Handlers decode the arguments that they need. The zero value has no
// arguments. As an argument of Emit, Args stand for all their arguments, which
// are sent unchanged.
type Args struct {
	list        []byte // JSON values separated by commas
	attachments [][]byte
}

// NewArgs returns the arguments in a JSON array, which it validates. If there
// are attachments, each placeholder in the array must refer to one of them.
// The Args keep the bytes.
func NewArgs(array []byte, attachments [][]byte) (Args, error) {
	if !validKind(array, '[') {
		return Args{}, fmt.Errorf("%w: arguments are not a JSON array", ErrInvalid)
	}
	a := Args{list: arrayElements(array), attachments: attachments}
	if len(attachments) > 0 && !walkPlaceholders(a.list, len(attachments), func(int, int, int) {}) {
		return Args{}, fmt.Errorf("%w: illegal attachments", ErrInvalid)
	}
	return a, nil
}

// MakeArgs encodes values as Emit does.
func MakeArgs(values ...any) (Args, error) {
	var e encoder
	if err := e.values(values); err != nil {
		return Args{}, err
	}
	return Args{list: e.buf, attachments: e.attachments}, nil
}

// JSON returns the arguments as a JSON array, with placeholders for the binary
// ones; see Attachments.
func (a Args) JSON() json.RawMessage {
	b := make([]byte, 0, len(a.list)+2)
	b = append(b, '[')
	b = append(b, a.list...)
	return append(b, ']')
}

// MarshalJSON is JSON with binary arguments in base64.
func (a Args) MarshalJSON() ([]byte, error) {
	plain := a.plain(a.list)
	b := make([]byte, 0, len(plain)+2)
	b = append(b, '[')
	b = append(b, plain...)
	return append(b, ']'), nil
}

// Attachments returns the binary arguments.
func (a Args) Attachments() [][]byte { return a.attachments }

// Len returns the number of arguments.
func (a Args) Len() int {
	n := 0
	eachValue(a.list, func(int, int) bool { n++; return true })
	return n
}

// Raw returns argument i as JSON, nil if there is none. It must not be
// modified.
func (a Args) Raw(i int) json.RawMessage { return json.RawMessage(a.At(i, 1).list) }

// At returns up to n arguments starting with argument i; all of them if n is
// negative.
func (a Args) At(i, n int) Args {
	from, to, count := -1, 0, 0
	eachValue(a.list, func(start, end int) bool {
		if n >= 0 && count >= i+n {
			return false
		}
		if count >= i {
			if from < 0 {
				from = start
			}
			to = end
		}
		count++
		return true
	})
	if from < 0 {
		return Args{}
	}
	return Args{list: a.list[from:to:to], attachments: a.attachments}
}

// Binary returns argument i if it is binary, else nil. It must not be
// modified.
func (a Args) Binary(i int) []byte {
	raw := a.Raw(i)
	if len(a.attachments) == 0 || len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	var found []byte
	walkPlaceholders(raw, len(a.attachments), func(start, end, num int) {
		if start == 0 && end == len(raw) {
			found = a.attachments[num]
		}
	})
	return found
}

// Decode stores argument i in v as encoding/json does, and binary parts in
// []byte. If the argument is missing or null, v is unchanged.
func (a Args) Decode(i int, v any) error {
	raw := a.Raw(i)
	if raw == nil {
		return nil
	}
	if b, ok := v.(*[]byte); ok {
		if found := a.Binary(i); found != nil {
			*b = found
			return nil
		}
	}
	if err := json.Unmarshal(a.plain(raw), v); err != nil {
		return fmt.Errorf("argument %d: %w", i, err)
	}
	return nil
}

// Bind decodes the arguments into vs, in order; see Decode.
func (a Args) Bind(vs ...any) error {
	for i, v := range vs {
		if err := a.Decode(i, v); err != nil {
			return err
		}
	}
	return nil
}

// Clone returns a deep copy.
func (a Args) Clone() Args {
	c := Args{list: bytes.Clone(a.list)}
	for _, b := range a.attachments {
		c.attachments = append(c.attachments, bytes.Clone(b))
	}
	return c
}

// Text returns argument i if it is a JSON string, else "".
func (a Args) Text(i int) string {
	var s string
	if raw := a.Raw(i); len(raw) > 0 && raw[0] == '"' {
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
	}
	return s
}

// plain returns raw with base64 strings instead of placeholders.
func (a Args) plain(raw []byte) []byte {
	if len(a.attachments) == 0 {
		return raw
	}
	var out []byte
	from := 0
	walkPlaceholders(raw, len(a.attachments), func(start, end, num int) {
		out = append(out, raw[from:start]...)
		out = append(out, '"')
		out = base64.StdEncoding.AppendEncode(out, a.attachments[num])
		out = append(out, '"')
		from = end
	})
	if from == 0 {
		return raw
	}
	return append(out, raw[from:]...)
}
