package api_test

import (
	"smart-factory-backend/app/factory/timeline"

	"github.com/google/jsonschema-go/jsonschema"
)

// objectOf returns the schema of an object whose members are all required but for the
// optional ones.
func objectOf(properties map[string]*schema, order []string, optional ...string) *schema {
	s := &schema{Type: "object", Properties: properties, PropertyOrder: order, AdditionalProperties: &schema{Not: &schema{}}}
	for _, name := range order {
		missing := false
		for _, other := range optional {
			missing = missing || other == name
		}
		if !missing {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

// addEventSchemas adds the schemas of events and timelines.
func addEventSchemas(all map[string]*jsonschema.Schema) {
	text, integer, number := &schema{Type: "string"}, &schema{Type: "integer"}, &schema{Type: "number"}
	var states, kinds []string
	for _, state := range timeline.States {
		states = append(states, string(state))
	}
	for _, kind := range timeline.PostedKinds {
		kinds = append(kinds, string(kind))
	}
	state, source := words(states...), words("event", "signal", "silence")
	pieces := &schema{Type: "number", Minimum: new(0.0), Maximum: new(float64(timeline.MaxPieces))}
	reason := &schema{Type: "string", MinLength: new(1), MaxLength: new(timeline.MaxReasonBytes)}
	note := &schema{Type: "string", MinLength: new(1), MaxLength: new(timeline.MaxNoteBytes)}
	all["PostedEvent"] = objectOf(map[string]*schema{
		"id": described(ref("Name"), "Makes repeating the event safe."), "ts": ref("Timestamp"), "kind": words(kinds...),
		"replaces": described(ref("Name"), "The id of an earlier event of the machine that this one takes the place of."),
		"state":    described(state, "Of a state event."), "reason": described(reason, "Of a state or reason event."),
		"good": described(pieces, "Of a count event, as scrap and rework are."), "scrap": pieces, "rework": pieces,
		"product": described(ref("Name"), "Of a product or count event."),
		"from":    described(ref("Timestamp"), "Of a reason event: the beginning of the stop, inclusive."), "to": described(ref("Timestamp"), "The end of the stop, exclusive."),
		"note": described(note, "Of a reason event."), "text": described(note, "Of a note."),
	}, []string{"kind", "ts", "id", "replaces", "state", "reason", "good", "scrap", "rework", "product", "from", "to", "note", "text"},
		"ts", "id", "replaces", "state", "reason", "good", "scrap", "rework", "product", "from", "to", "note", "text")
	all["Events"] = oneOf(ref("PostedEvent"), arrayOf(ref("PostedEvent")))
	all["Segment"] = objectOf(map[string]*schema{"from": integer, "to": integer, "state": state, "reason": text, "source": source},
		[]string{"from", "to", "state", "reason", "source"})
	span := func(name string, more map[string]*schema, order ...string) {
		all[name] = objectOf(more, order)
	}
	span("TimelineCount", map[string]*schema{"ts": described(integer, "The time of the event, or of the counter's reading."), "good": number, "scrap": number, "rework": number, "product": text},
		"ts", "good", "scrap", "rework", "product")
	span("TimelineProduct", map[string]*schema{"from": integer, "to": integer, "product": text}, "from", "to", "product")
	span("TimelineAlarm", map[string]*schema{"id": text, "rule": text, "from": integer, "to": {Types: []string{"integer", "null"}}, "severity": text},
		"id", "rule", "from", "to", "severity")
	span("TimelineNote", map[string]*schema{"ts": integer, "text": text, "by": text}, "ts", "text", "by")
	all["Timeline"] = oneOf(objectOf(map[string]*schema{
		"machine": text, "from": integer, "to": integer, "segments": arrayOf(ref("Segment")), "counts": arrayOf(ref("TimelineCount")),
		"products": arrayOf(ref("TimelineProduct")), "alarms": arrayOf(ref("TimelineAlarm")), "notes": arrayOf(ref("TimelineNote")), "next_cursor": ref("Cursor"),
	}, []string{"machine", "from", "to", "segments", "counts", "products", "alarms", "notes", "next_cursor"}), ref("Moment"))
	all["Moment"] = objectOf(map[string]*schema{
		"machine": text, "at": integer, "state": described(&schema{Types: []string{"string", "null"}}, "null if the machine did not exist, and in the future."),
		"reason": text, "source": text, "product": text,
	}, []string{"machine", "at", "state", "reason", "source", "product"})
}
