package socketio_test

import (
	"bytes"
	"testing"

	"smart-factory-backend/app/socketio"
)

// FuzzSession sends arbitrary messages. They may close their own session, but
// must not cause a panic or disturb another client.
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
	bystander := ts.dial("websocket")
	bystander.connect("/auth", `{"token":"good"}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		ts.t, bystander.t = t, t
		c := ts.dial("websocket")
		defer c.stop()
		for message := range bytes.SplitSeq(data, []byte{0}) {
			c.sendIgnoringErrors(string(message))
		}
		c.sendIgnoringErrors(`0/random,`)
		bystander.send(`2/auth,1["ask","here"]`)
		bystander.expect(`3/auth,1["here"]`)
		select {
		case v := <-ts.panics:
			t.Fatalf("%q caused a panic: %v", data, v)
		default:
		}
	})
}
