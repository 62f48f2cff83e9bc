package websocket

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

// deflateTail is what a sender removes from each message (RFC 7692, section
// 7.2.1), followed by an empty final block, so that the reader reports EOF.
var deflateTail = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

var errMessageTooBig = errors.New("message too big")

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // fails for invalid levels only
	return w
}}

// deflate compresses the payload of a message.
func deflate(payload []byte) []byte {
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	_, _ = w.Write(payload) // writes to a bytes.Buffer do not fail
	_ = w.Flush()
	return bytes.TrimSuffix(out.Bytes(), deflateTail[:4])
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// inflate decompresses the payload of a message. It returns errMessageTooBig
// if the result has more than limit bytes.
func inflate(payload []byte, limit int) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	in := io.MultiReader(bytes.NewReader(payload), bytes.NewReader(deflateTail))
	if err := r.(flate.Resetter).Reset(in, nil); err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(out) > limit {
		err = errMessageTooBig
	}
	return out, err
}

// acceptsDeflate reports whether a Sec-WebSocket-Extensions header contains an
// offer that the server accepts: permessage-deflate with valid parameters that
// do not require a smaller window for what the server sends (RFC 7692, section
// 7.1).
func acceptsDeflate(header string) bool {
	for offer := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(offer, ";")
		if strings.TrimSpace(name) == "permessage-deflate" && validDeflateParameters(parameters) {
			return true
		}
	}
	return false
}

func validDeflateParameters(list string) bool {
	seen := map[string]bool{}
	for parameter := range strings.SplitSeq(list, ";") {
		name, value, hasValue := strings.Cut(strings.TrimSpace(parameter), "=")
		if name == "" && list == "" {
			return true
		}
		value = strings.Trim(value, `"`)
		switch {
		case seen[name]:
			return false
		case (name == "server_no_context_takeover" || name == "client_no_context_takeover") && !hasValue:
		case name == "client_max_window_bits" && (!hasValue || validWindowBits(value)):
		case name == "server_max_window_bits" && value == "15":
		default:
			return false
		}
		seen[name] = true
	}
	return true
}

func validWindowBits(s string) bool {
	switch s {
	case "8", "9", "10", "11", "12", "13", "14", "15":
		return true
	}
	return false
}
