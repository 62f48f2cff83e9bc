package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestParseResponse(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nDate: x\r\nCONTENT-length:  5 \r\n\r\nhello"
	tests := map[string]struct {
		raw    string
		status int
		body   string
		size   int
		err    error
	}{
		"whole":                                {raw: ok, status: 200, body: "hello", size: len(ok)},
		"bytes after the response are ignored": {raw: ok + "HTTP", status: 200, body: "hello", size: len(ok)},
		"empty body":                           {raw: "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", status: 503, size: 38},
		"incomplete header":                    {raw: ok[:30]},
		"incomplete body":                      {raw: ok[:len(ok)-1]},
		"no bytes":                             {},
		"no length":                            {raw: "HTTP/1.1 200 OK\r\nX: 1\r\n\r\n", err: errNoLength},
		"length of another field":              {raw: "HTTP/1.1 200 OK\r\nX-Content-Length: 1\r\n\r\n", err: errNoLength},
		"length is no number":                  {raw: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", err: errNotHTTP},
		"body too long":                        {raw: "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", err: errTooLong},
		"header without end":                   {raw: strings.Repeat("x", maxResponse+1), err: errTooLong},
		"no content":                           {raw: "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", status: 204, size: 38},
		"another protocol":                     {raw: "SSH-2.0-OpenSSH_9\r\n\r\n", err: errNotHTTP},
		"an interim response":                  {raw: "HTTP/1.1 100 Continue\r\n\r\n", err: errNotHTTP},
		"a status that is no number":           {raw: "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n", err: errNotHTTP},
		"a status line that is short":          {raw: "HTTP/1.1 20\r\n\r\n", err: errNotHTTP},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, whole, err := parseResponse([]byte(tt.raw))
			if !errors.Is(err, tt.err) || whole != (tt.size > 0) || got.status != tt.status || string(got.body) != tt.body || got.size != tt.size {
				t.Errorf("parseAnswer(%.60q) = %+v, %v, %v", tt.raw, got, whole, err)
			}
		})
	}
}

func FuzzParseResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nContent-Length: 9\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 100 \r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, whole, err := parseResponse(raw)
		if !whole {
			return
		}
		if err != nil || got.size > len(raw) || got.status < 200 || got.status > 999 || !bytes.HasSuffix(raw[:got.size], got.body) {
			t.Fatalf("parseAnswer(%q) = %+v, %v", raw, got, err)
		}
		if _, early, _ := parseResponse(raw[:got.size-1]); early {
			t.Errorf("parseAnswer(%q) was complete one byte before its end", raw)
		}
	})
}
