package socketio_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"smart-factory-backend/app/socketio"
)

type rawMessage = json.RawMessage

func mustArgs(t *testing.T, array string, attachments ...[]byte) socketio.Args {
	t.Helper()
	a, err := socketio.NewArgs([]byte(array), attachments)
	if err != nil {
		t.Fatalf("NewArgs(%s): %v", array, err)
	}
	return a
}

func TestArgsDecode(t *testing.T) {
	t.Parallel()
	a := mustArgs(t, ` [ "x" , {"n":1.5}, null ,{"_placeholder":true,"num":0}, [ {"_placeholder":true,"num":1} ] ] `, []byte{1, 2}, []byte{3})
	if got := a.Len(); got != 5 {
		t.Errorf("Len() = %d, want 5", got)
	}
	for i, want := range []string{`"x"`, `{"n":1.5}`, `null`, `{"_placeholder":true,"num":0}`, `[ {"_placeholder":true,"num":1} ]`, ``} {
		if got := string(a.Raw(i)); got != want {
			t.Errorf("Raw(%d) = %s, want %s", i, got, want)
		}
	}
	var (
		text   string
		object struct{ N float64 }
		kept   = "kept"
		data   []byte
		nested [][]byte
		absent = 7
	)
	if err := a.Bind(&text, &object, &kept, &data, &nested, &absent); err != nil {
		t.Fatal(err)
	}
	if text != "x" || object.N != 1.5 || kept != "kept" || !bytes.Equal(data, []byte{1, 2}) || !reflect.DeepEqual(nested, [][]byte{{3}}) || absent != 7 {
		t.Errorf("Bind() = %q %v %q %v %v %d", text, object, kept, data, nested, absent)
	}
	if got := a.Binary(3); !bytes.Equal(got, []byte{1, 2}) {
		t.Errorf("Binary(3) = %v, want [1 2]", got)
	}
	if got := a.Binary(4); got != nil {
		t.Errorf("Binary(4) = %v: it is a list, not binary", got)
	}
	if a.Text(0) != "x" || a.Text(1) != "" || a.Text(9) != "" {
		t.Errorf("Text = %q, %q, %q, want x and nothing", a.Text(0), a.Text(1), a.Text(9))
	}
	if err := a.Decode(0, new(int)); err == nil {
		t.Error("Decode of a text into an int: no error")
	}
	if got := string(a.At(1, 2).JSON()); got != `[{"n":1.5}, null]` {
		t.Errorf("At(1, 2) = %s", got)
	}
	if got := a.At(3, -1).Binary(0); !bytes.Equal(got, []byte{1, 2}) {
		t.Errorf("At(3, -1).Binary(0) = %v, want [1 2]", got)
	}
	if got := a.At(5, -1).Len(); got != 0 {
		t.Errorf("At(5, -1).Len() = %d, want 0", got)
	}
	if got, err := json.Marshal(a); err != nil || string(got) != `["x",{"n":1.5},null,"AQI=",["Aw=="]]` {
		t.Errorf("Marshal() = %s, %v", got, err)
	}
}

func TestNewArgsRejectsInvalidInput(t *testing.T) {
	t.Parallel()
	for _, array := range []string{``, `{}`, `1`, `[`, `[1,]`, `[{"_placeholder":true,"num":1}]`} {
		if _, err := socketio.NewArgs([]byte(array), [][]byte{{1}}); err == nil {
			t.Errorf("NewArgs(%s): no error", array)
		}
	}
}

func TestCloneSharesNoBytes(t *testing.T) {
	t.Parallel()
	array, part := []byte(`["x",{"_placeholder":true,"num":0}]`), []byte{1}
	a := mustArgs(t, string(array), part).Clone()
	b := mustArgs(t, `["x",{"_placeholder":true,"num":0}]`, part)
	part[0] = 9
	if got := a.Binary(1); !bytes.Equal(got, []byte{1}) {
		t.Errorf("Clone().Binary(1) = %v after a change of the original, want [1]", got)
	}
	if got := b.Binary(1); !bytes.Equal(got, []byte{9}) {
		t.Errorf("Binary(1) = %v, want the original", got)
	}
}
