package socketio_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"smart-factory-backend/app/socketio"
)

func TestDecode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text        string
		want        socketio.Packet
		attachments int
	}{
		"connect":                      {`0`, socketio.Packet{Type: 0, Namespace: "/"}, 0},
		"connect with auth":            {`0{"token":"x"}`, socketio.Packet{Type: 0, Namespace: "/", Data: []byte(`{"token":"x"}`)}, 0},
		"connect to a namespace":       {`0/chat`, socketio.Packet{Type: 0, Namespace: "/chat"}, 0},
		"comma behind the namespace":   {`0/chat,{}`, socketio.Packet{Type: 0, Namespace: "/chat", Data: []byte(`{}`)}, 0},
		"namespace with a query":       {`0/chat?a=b,{}`, socketio.Packet{Type: 0, Namespace: "/chat?a=b", Data: []byte(`{}`)}, 0},
		"disconnect":                   {`1/chat,`, socketio.Packet{Type: 1, Namespace: "/chat"}, 0},
		"event":                        {`2["a",1]`, socketio.Packet{Type: 2, Namespace: "/", Data: []byte(`["a",1]`)}, 0},
		"event with an id":             {`2/chat,12["a"]`, socketio.Packet{Type: 2, Namespace: "/chat", ID: 12, HasID: true, Data: []byte(`["a"]`)}, 0},
		"id 0 is one":                  {`20["a"]`, socketio.Packet{Type: 2, Namespace: "/", HasID: true, Data: []byte(`["a"]`)}, 0},
		"a number as the event's name": {`2[1,2]`, socketio.Packet{Type: 2, Namespace: "/", Data: []byte(`[1,2]`)}, 0},
		"acknowledgement":              {`37[]`, socketio.Packet{Type: 3, Namespace: "/", ID: 7, HasID: true, Data: []byte(`[]`)}, 0},
		"binary event": {
			`51-["a",{"_placeholder":true,"num":0}]`,
			socketio.Packet{Type: 5, Namespace: "/", Data: []byte(`["a",{"_placeholder":true,"num":0}]`)},
			1,
		},
		"binary acknowledgement": {
			`62-/chat,3[{"num":1,"_placeholder":true},{"_placeholder":true,"num":0}]`,
			socketio.Packet{Type: 6, Namespace: "/chat", ID: 3, HasID: true, Data: []byte(`[{"num":1,"_placeholder":true},{"_placeholder":true,"num":0}]`)},
			2,
		},
		"binary event without binary":        {`50-["a"]`, socketio.Packet{Type: 5, Namespace: "/", Data: []byte(`["a"]`)}, 0},
		"fewer placeholders than attached":   {`52-["a"]`, socketio.Packet{Type: 5, Namespace: "/", Data: []byte(`["a"]`)}, 2},
		"placeholders mean nothing in plain": {`2["a",{"_placeholder":true,"num":9}]`, socketio.Packet{Type: 2, Namespace: "/", Data: []byte(`["a",{"_placeholder":true,"num":9}]`)}, 0},
		"connect error with a text":          {`4"no"`, socketio.Packet{Type: 4, Namespace: "/", Data: []byte(`"no"`)}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, attachments, err := socketio.Decode([]byte(tt.text), 10)
			if err != nil {
				t.Fatalf("Decode(%q): %v", tt.text, err)
			}
			if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", tt.want) || attachments != tt.attachments {
				t.Errorf("Decode(%q) = %+v with %d attachments, want %+v with %d", tt.text, got, attachments, tt.want, tt.attachments)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                        ``,
		"unknown type":                   `7["a"]`,
		"letter for a type":              `abc`,
		"connect with a text":            `0"x"`,
		"connect with a list":            `0[]`,
		"connect with null":              `0null`,
		"disconnect with data":           `1{}`,
		"event without data":             `2`,
		"event with an object":           `2{}`,
		"event with a text":              `2"a"`,
		"event without a name":           `2[]`,
		"event with null for a name":     `2[null]`,
		"event with a list for a name":   `2[["a"]]`,
		"event with rubbish":             `2["a",]`,
		"event with more behind":         `2["a"]x`,
		"event cut short":                `2["a"`,
		"letters for an id":              `2abc["message-with-ack",1,2]`,
		"an id too large for JavaScript": `29007199254740993["a"]`,
		"acknowledgement of an object":   `31{}`,
		"acknowledgement without data":   `31`,
		"binary without a count":         `5["a"]`,
		"binary with a sign":             `5-1-["a"]`,
		"binary with letters":            `5x-["a"]`,
		"binary with a fraction":         `51.5-["a"]`,
		"binary with too many":           `511-["a"]`,
		"binary with far too many":       `599999999999999999999-["a"]`,
		"placeholder beyond the last":    `51-["a",{"_placeholder":true,"num":1}]`,
		"placeholder below the first":    `51-["a",{"_placeholder":true,"num":-1}]`,
		"placeholder between two":        `52-["a",{"_placeholder":true,"num":0.5}]`,
		"placeholder with a text":        `51-["a",{"_placeholder":true,"num":"0"}]`,
		"placeholder without a number":   `51-["a",{"_placeholder":true}]`,
		"placeholder in disguise":        `51-["a",{"\u005fplaceholder":true,"num":9}]`,
		"placeholder with a second mind": `51-["a",{"_placeholder":true,"num":0,"num":9}]`,
		"placeholder deep inside":        `51-["a",[{"x":[{"_placeholder":true,"num":9}]}]]`,
		"connect error with a number":    `41`,
		"name with a control character":  "0/a\x1eb,",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if p, _, err := socketio.Decode([]byte(text), 10); !errors.Is(err, socketio.ErrInvalid) {
				t.Errorf("Decode(%q) = %+v, %v, want ErrInvalid", text, p, err)
			}
		})
	}
	for _, name := range []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"} {
		if _, _, err := socketio.Decode([]byte(`2["`+name+`"]`), 10); !errors.Is(err, socketio.ErrInvalid) {
			t.Errorf("Decode of the reserved event %s: %v, want ErrInvalid", name, err)
		}
		disguised := `2["\u` + fmt.Sprintf("%04x", name[0]) + name[1:] + `"]`
		if _, _, err := socketio.Decode([]byte(disguised), 10); !errors.Is(err, socketio.ErrInvalid) {
			t.Errorf("Decode(%s): %v, want ErrInvalid", disguised, err)
		}
	}
}

func TestEncode(t *testing.T) {
	t.Parallel()
	args, err := socketio.NewArgs([]byte(`[{"_placeholder":true,"num":1}, "x" ,{"_placeholder":true,"num":1}]`), [][]byte{{1}, {2}})
	if err != nil {
		t.Fatal(err)
	}
	type point struct {
		X int    `json:"x"`
		B []byte `json:"b"`
	}
	tests := map[string]struct {
		args        []any
		want        string
		attachments int
	}{
		"no arguments":             {nil, `2["e"]`, 0},
		"plain values":             {[]any{nil, true, 1, int64(-2), uint64(3), 1.5, "<&>\u2028"}, `2["e",null,true,1,-2,3,1.5,"<&>\u2028"]`, 0},
		"a struct by its tags":     {[]any{point{X: 1, B: []byte{1}}}, `2["e",{"x":1,"b":"AQ=="}]`, 0},
		"binary":                   {[]any{[]byte{1}, "x", []byte{2}}, `52-["e",{"_placeholder":true,"num":0},"x",{"_placeholder":true,"num":1}]`, 2},
		"binary inside":            {[]any{map[string]any{"b": []any{[]byte{1}}, "a": 1}}, `51-["e",{"a":1,"b":[{"_placeholder":true,"num":0}]}]`, 1},
		"arguments that came":      {[]any{[]byte{9}, args}, `53-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}, "x" ,{"_placeholder":true,"num":2}]`, 3},
		"arguments inside":         {[]any{[]any{args}}, `52-["e",[[{"_placeholder":true,"num":0}, "x" ,{"_placeholder":true,"num":1}]]]`, 2},
		"no arguments that came":   {[]any{1, socketio.Args{}, 2}, `2["e",1,2]`, 0},
		"only arguments that came": {[]any{socketio.Args{}}, `2["e"]`, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := socketio.Encode("/", "e", tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(p.Append(nil)); got != tt.want || len(p.Attachments) != tt.attachments {
				t.Errorf("Encode(%v) = %s with %d attachments, want %s with %d", tt.args, got, len(p.Attachments), tt.want, tt.attachments)
			}
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	lookalike, err := socketio.NewArgs([]byte(`[{"_placeholder":true,"num":5}]`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]any{
		"what JSON can't hold":         {math.Inf(1)},
		"raw JSON that is none":        {[]any{rawMessage(`{"a":}`)}},
		"a lookalike beside binary":    {[]byte{1}, lookalike},
		"a lookalike that would count": {[]byte{1}, rawMessage(`{"_placeholder":true,"num":0}`)},
	} {
		if p, err := socketio.Encode("/", "e", args...); err == nil {
			t.Errorf("%s: Encode(%v) = %s, want an error", name, args, p.Append(nil))
		}
	}
	if _, err := socketio.Encode("/", "disconnect"); !errors.Is(err, socketio.ErrReserved) {
		t.Errorf("Encode of a reserved name: %v, want ErrReserved", err)
	}
	if p, err := socketio.Encode("/", "e", lookalike); err != nil || string(p.Append(nil)) != `2["e",{"_placeholder":true,"num":5}]` {
		t.Errorf("Encode of a lookalike by itself = %v, %v", p, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`0`, `0/a,{"b":1}`, `1/a,`, `2["a",1]`, `2/a,5["b",{"c":[null]}]`, `31[]`, `4{"message":"x"}`,
		`51-["a",{"_placeholder":true,"num":0}]`, `62-/a,1[{"_placeholder":true,"num":1},[{"num":0,"_placeholder":true}]]`, `50-["a"]`,
		`2["connect"]`, `51-["a",{"\u005fplaceholder":true,"num":1e0}]`, "2[\"a\",\"\xff\"]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, attachments, err := socketio.Decode(text, 10)
		if err != nil {
			return
		}
		p.Attachments = make([][]byte, attachments)
		for i := range p.Attachments {
			p.Attachments[i] = []byte{byte(i)}
		}
		again, n, err := socketio.Decode(p.Append(nil), 10)
		if err != nil && attachments == 0 && (p.Type == socketio.PacketBinaryEvent || p.Type == socketio.PacketBinaryAck) {
			t.Fatalf("Decode(%q) = %+v, which encodes to %q: %v", text, p, p.Append(nil), err)
		}
		if err != nil || n != attachments || again.Type != p.Type || again.Namespace != p.Namespace ||
			again.HasID != p.HasID || again.ID != p.ID || !bytes.Equal(again.Data, p.Data) {
			t.Fatalf("Decode(%q) = %+v, which encodes to %q, which is %+v, %v", text, p, p.Append(nil), again, err)
		}
		if p.Type != socketio.PacketEvent && p.Type != socketio.PacketBinaryEvent {
			return
		}
		name, list := socketio.EventName(p.Data)
		args, err := socketio.NewArgs([]byte("["+string(list)+"]"), p.Attachments)
		if err != nil {
			t.Fatalf("NewArgs of the arguments of %q: %v", text, err)
		}
		var into any
		for i := range args.Len() {
			_ = args.Decode(i, &into)
			_ = args.Binary(i)
		}
		sent, err := socketio.Encode("/", name, args)
		if err != nil {
			t.Fatalf("Encode of the arguments of %q: %v", text, err)
		}
		if _, _, err := socketio.Decode(sent.Append(nil), 1<<20); err != nil && !strings.Contains(string(text), `\`) {
			t.Fatalf("what %q was sent on as, %q: %v", text, sent.Append(nil), err)
		}
	})
}
