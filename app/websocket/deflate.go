package websocket

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
)

// deflateTail is what a sender leaves out of each message (RFC 7692, section
// 7.2.1), and an end that tells the reader that no more comes.
var deflateTail = []byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

var errMessageTooBig = errors.New("message too big")

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed) // fails for bad levels only
	return w
}}

// pack compresses the payload of a message.
func deflate(payload []byte) []byte {
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	_, _ = w.Write(payload) // a buffer takes everything
	_ = w.Flush()
	return bytes.TrimSuffix(out.Bytes(), deflateTail[:4])
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// unpack decompresses a message of limit bytes at most.
func inflate(packed []byte, limit int) ([]byte, error) {
	r := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(r)
	in := io.MultiReader(bytes.NewReader(packed), bytes.NewReader(deflateTail))
	if err := r.(flate.Resetter).Reset(in, nil); err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(out) > limit {
		err = errMessageTooBig
	}
	return out, err
}

// acceptable reports whether one of the offers in a Sec-WebSocket-Extensions
// header is one that we can agree to: permessage-deflate without parameters
// that would have us compress within a smaller window (RFC 7692, section 7.1).
func acceptsDeflate(header string) bool {
	for offer := range strings.SplitSeq(header, ",") {
		name, rest, _ := strings.Cut(offer, ";")
		if strings.TrimSpace(name) == "permessage-deflate" && validDeflateParameters(rest) {
			return true
		}
	}
	return false
}

func validDeflateParameters(list string) bool {
	seen := map[string]bool{}
	for parameter := range strings.SplitSeq(list, ";") {
		name, value, has := strings.Cut(strings.TrimSpace(parameter), "=")
		if name == "" && list == "" {
			return true
		}
		value = strings.Trim(value, `"`)
		switch {
		case seen[name]:
			return false
		case (name == "server_no_context_takeover" || name == "client_no_context_takeover") && !has:
		case name == "client_max_window_bits" && (!has || validWindowBits(value)):
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
