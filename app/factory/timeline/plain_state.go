package timeline

import "bytes"

// plainState decodes the data of a state event in the form in which ParseData stores
// nearly all of them, much faster than package json: most of a timeline's records are
// state events. ok is false for every other form.
func plainState(data []byte) (state State, reason string, ok bool) {
	rest, ok := bytes.CutPrefix(data, []byte(`{"state":"`))
	if !ok || bytes.IndexByte(data, '\\') >= 0 {
		return "", "", false
	}
	name, rest, _ := bytes.Cut(rest, []byte{'"'})
	for _, s := range States {
		if string(s) == string(name) {
			state = s
		}
	}
	if string(rest) != "}" {
		text, found := bytes.CutPrefix(rest, []byte(`,"reason":"`))
		text, end, closed := bytes.Cut(text, []byte{'"'})
		if !found || !closed || string(end) != "}" {
			return "", "", false
		}
		reason = string(text)
	}
	return state, reason, state != ""
}
