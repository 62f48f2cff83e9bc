package socketio_test

import (
	"bytes"
	"testing"

	"smart-factory-backend/app/socketio"
)

// FuzzSession sends what no client would, message after message. It may end
// the session that it is sent on; nobody panics, and a witness notices nothing.
func FuzzSession(f *testing.F) {
	for _, messages := range []string{
		`0`, "0\x002[\"message\",1]\x001", "0\x0051-[\"message\",{\"_placeholder\":true,\"num\":0}]\x00b:abc",
		"0/custom,{\"a\":1}\x002/custom,7[\"ask\",{}]\x000/auth,{\"token\":\"good\"}", "0\x0052-[\"ask\"]\x00b:\x002[]",
		"31[]\x000", "0\x000", "b:x", "0/nope,\x000\x0020[\"q\"]\x0030[1]\x0030[2]", "0\x006",
		"0\x0020[\"ask\",1]\x0020[\"ask\",2]\x0039[]", "0{\"pid\":\"x\",\"offset\":\"y\"}\x002[\"message\"]", "",
	} {
		f.Add([]byte(messages))
	}
	ts := startServer(f, socketio.Options{Recovery: &socketio.Recovery{}}, withNamespaces)
	witness := ts.dial("websocket")
	witness.connect("/auth", `{"token":"good"}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		ts.t, witness.t = t, t
		c := ts.dial("websocket")
		defer c.stop()
		for message := range bytes.SplitSeq(data, []byte{0}) {
			c.sendIgnoringErrors(string(message))
		}
		c.sendIgnoringErrors(`0/random,`)
		witness.send(`2/auth,1["ask","here"]`)
		witness.expect(`3/auth,1["here"]`)
		select {
		case v := <-ts.panics:
			t.Fatalf("%q caused a panic: %v", data, v)
		default:
		}
	})
}
