package timeline_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/factory/timeline"
)

func TestParseData(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind       factory.EventKind
		data, want string
	}{
		{"state", ` {"reason":"jam", "state":"fault"}`, `{"state":"fault","reason":"jam"}`},
		{"state", `{"state":"running","reason":null}`, `{"state":"running"}`},
		{"count", `{"scrap":0,"good":1e1}`, `{"good":10,"scrap":0}`},
		{"count", `{"good":-0,"rework":0.5,"product":"p"}`, `{"good":0,"rework":0.5,"product":"p"}`},
		{"reason", `{"to":1700000001000,"from":"2023-11-14T22:13:20Z","reason":"no parts","note":"a\nb"}`, `{"from":1700000000000,"to":1700000001000,"reason":"no parts","note":"a\nb"}`},
		{"product", `{"product":"p1"}`, `{"product":"p1"}`},
		{"note", `{"text":"ü"}`, `{"text":"ü"}`},
	} {
		got, err := timeline.ParseData(tt.kind, []byte(tt.data))
		if err != nil || string(got) != tt.want {
			t.Errorf("ParseData(%s, %s) = %s, %v, want %s", tt.kind, tt.data, got, err, tt.want)
		}
	}
}

func TestParseDataNamesTheMember(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind       factory.EventKind
		data, want string
	}{
		{"state", `{}`, "/state: is missing"},
		{"state", `{"state":"broken"}`, `/state: "broken" is not a state; the states are running, idle, setup, blocked, starved, fault, planned_stop and offline`},
		{"state", `{"state":"Running"}`, `/state: "Running" is not a state`},
		{"state", `{"state":"idle","source":"signal"}`, "/source: is unknown"},
		{"state", `{"state":"idle","reason":" "}`, "/reason: is an empty reason"},
		{"state", `{"state":"idle","reason":"a\nb"}`, "/reason: has a control character or damaged text at byte 1"},
		{"state", `{"state":"idle","reason":"\ud800"}`, "/reason: has a control character or damaged text at byte 0"},
		{"state", `{"state":"idle","reason":"` + strings.Repeat("x", 129) + `"}`, "/reason: has 129 bytes, more than 128"},
		{"count", `{}`, "/good: is missing, and so are scrap and rework"},
		{"count", `{"good":-1}`, "/good: must not be negative"},
		{"count", `{"good":"1"}`, "/good: must be a number"},
		{"count", `{"good":1e999}`, "/good: must be in the range of a 64-bit float"},
		{"count", `{"good":1e13,"scrap":1}`, "/good: must not be more than 1000000000000"},
		{"count", `{"good":NaN}`, "the document is not valid JSON at line 1, column 9"},
		{"count", `{"good":1,"goood":1}`, "/goood: is unknown"},
		{"count", `{"good":1,"product":""}`, "/product: product name is empty"},
		{"reason", `{"reason":"r"}`, "/from: is missing; /to: is missing"},
		{"reason", `{"from":1700000001000,"to":1700000000000,"reason":"r"}`, "/to: must be after from"},
		{"reason", `{"from":1700000000000,"to":1700000000000,"reason":"r"}`, "/to: must be after from"},
		{"reason", `{"from":1700000000,"to":"noon","reason":"r"}`, "/from: is before 1971; give Unix milliseconds; /to: must be a time"},
		{"reason", `{"from":{},"to":1e300,"reason":"r"}`, "/from: must be a time: Unix milliseconds or ISO 8601 such as 2006-01-02T15:04:05Z; /to: must be a time"},
		{"reason", `{"from":1700000000000,"to":253402300800000}`, "/to: is after the year 9999; /reason: is missing"},
		{"product", `{"product":null}`, "/product: is missing"},
		{"note", `{"text":""}`, "/text: is an empty text"},
		{"note", `{"text":"` + strings.Repeat("x", 4097) + `"}`, "/text: has 4097 bytes, more than 4096"},
		{"alarm", `{}`, `kind "alarm" cannot be posted; the kinds are [state count reason product note]`},
	} {
		_, err := timeline.ParseData(tt.kind, []byte(tt.data))
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || !errors.Is(err, factory.ErrInvalid) {
			t.Errorf("ParseData(%s, %.80s) = %v, want %s", tt.kind, tt.data, err, tt.want)
		}
	}
}

// Data that ParseData has stored mean the same once more, and Decode reads them.
func FuzzParseData(f *testing.F) {
	f.Add("state", []byte(`{"state":"fault","reason":"jam"}`))
	f.Add("count", []byte(`{"good":1,"scrap":2.5,"rework":0,"product":"p"}`))
	f.Add("reason", []byte(`{"from":1700000000000,"to":"2023-11-14T22:13:21.5Z","reason":"r","note":"n"}`))
	f.Add("product", []byte(`{"product":"p"}`))
	f.Add("note", []byte(`{"text":"t"}`))
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		stored, err := timeline.ParseData(factory.EventKind(kind), data)
		if err != nil {
			if !errors.Is(err, factory.ErrInvalid) {
				t.Fatalf("ParseData(%s, %q) = %v, want ErrInvalid", kind, data, err)
			}
			return
		}
		again, err := timeline.ParseData(factory.EventKind(kind), stored)
		if err != nil || !bytes.Equal(again, stored) {
			t.Fatalf("ParseData(%s, %q) = %q, and of that %q, %v", kind, data, stored, again, err)
		}
		e, ok := timeline.Decode(factory.Event{Kind: factory.EventKind(kind), Data: stored})
		if !ok || e.Good < 0 || kind == "reason" && e.From >= e.To {
			t.Fatalf("Decode of %q = %+v, %v", stored, e, ok)
		}
	})
}

func TestDecodeSkipsWhatNobodyPosted(t *testing.T) {
	t.Parallel()
	for _, e := range []factory.Event{
		{Kind: factory.EventText, Data: []byte(`{"value":"x"}`)},
		{Kind: factory.EventState, Data: []byte(`{"state":"idle","source":"signal"}`)},
	} {
		if got, ok := timeline.Decode(e); ok {
			t.Errorf("Decode(%s %s) = %+v, want none", e.Kind, e.Data, got)
		}
	}
}
