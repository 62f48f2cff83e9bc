package replay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strconv"

	"smart-factory-backend/app/factory"
)

// object is a line of an NDJSON recording: telemetry as POST /api/v1/telemetry takes
// it, or an event as POST /api/v1/machines/{id}/events takes it. Both need a ts. A
// machine in it overrides that of the file.
type object struct {
	members map[string]json.RawMessage
	machine string // "" for that of the file
	isEvent bool
	points  int
	// text is the line as it was read.
	text string
}

var errNoNames = errors.New("lines of JSON name their metrics themselves, so no column can be named")

// objectRow parses a line of an NDJSON recording.
func (r *Recording) objectRow(line []byte) (Row, error) {
	o := &object{text: string(line)}
	fail := func(format string, args ...any) (Row, error) { return Row{}, r.errorAt(0, fmt.Errorf(format, args...)) }
	if err := json.Unmarshal(line, &o.members); err != nil {
		return fail("not a JSON object: %w", err)
	}
	at, err := parseTime(plainText(o.members["ts"]))
	if err != nil {
		return fail("ts %s %w", quoteShort(string(o.members["ts"])), err)
	}
	if raw, given := o.members["machine"]; given {
		if err := json.Unmarshal(raw, &o.machine); err != nil {
			return fail("machine %s is not a text", quoteShort(string(raw)))
		}
		if err := factory.ValidateName(factory.KindMachine, o.machine); err != nil {
			return fail("%w", err)
		}
	}
	_, o.isEvent = o.members["kind"]
	if o.points = 1; !o.isEvent {
		var values map[string]json.RawMessage
		if err := json.Unmarshal(o.members["values"], &values); err != nil || len(values) == 0 {
			return fail("neither an event with a kind nor telemetry with values")
		}
		o.points = len(values)
	}
	return Row{Line: r.lines.line, ObservedAt: at, object: o}, nil
}

// plainText returns a JSON text without its quotes, and anything else as it is.
func plainText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// target returns the path to which a row is posted. Rows of a batch have one target.
func (row Row) target(machine string) string {
	if row.object == nil || !row.object.isEvent {
		return endpoint
	}
	if row.object.machine != "" {
		machine = row.object.machine
	}
	return "/api/v1/machines/" + url.PathEscape(machine) + "/events"
}

// points returns how many points the row has at most.
func (row Row) points() int {
	if row.object != nil {
		return row.object.points
	}
	return len(row.Values)
}

// addObject appends a line of an NDJSON recording.
func (b *batch) addObject(row Row, timestamp int64) {
	o := row.object
	members := maps.Clone(o.members)
	members["ts"] = strconv.AppendInt(nil, timestamp, 10)
	if o.isEvent {
		delete(members, "machine") // the path names it
		for _, name := range []string{"from", "to"} {
			if at, err := strconv.ParseInt(string(members[name]), 10, 64); err == nil {
				members[name] = strconv.AppendInt(nil, at+timestamp-row.ObservedAt, 10)
			}
		}
		if members["id"] == nil {
			members["id"] = jsonString(eventID(o.text, row.Line, timestamp))
		}
	} else if o.machine == "" {
		members["machine"] = b.machine
	}
	text, _ := json.Marshal(members) // they were decoded from JSON
	separator := byte('[')
	if len(b.lines) > 0 {
		separator = ','
	}
	b.lines = append(b.lines, row.Line)
	b.body = append(append(b.body, separator), text...)
	b.points += o.points
}

// eventID returns the id of an event that has none, so that it is stored once however
// often it is posted.
func eventID(text string, line int, timestamp int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %s", line, timestamp, text))
	return "replay-" + hex.EncodeToString(sum[:12])
}

// isObject reports whether a line begins like a JSON object.
func isObject(line []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("{")) }
