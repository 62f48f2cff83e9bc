package main

import (
	"bytes"
	"errors"
	"strconv"
)

// maxResponse limits the size of a response, and so the load generator's memory.
const maxResponse = 1 << 20

// noContent is the status of a response without body and Content-Length.
const noContent = 204

var (
	errNotHTTP  = errors.New("not an HTTP response")
	errNoLength = errors.New("response without Content-Length")
	errTooLong  = errors.New("response too long")
)

// response is the part of an HTTP response that a benchmark needs.
type response struct {
	status int
	body   []byte
	// size is the length of the whole response.
	size int
}

// parseResponse parses the response at the start of raw. It returns false while
// the response is incomplete. The body aliases raw.
func parseResponse(raw []byte) (response, bool, error) {
	head := bytes.Index(raw, []byte("\r\n\r\n"))
	if head < 0 {
		if len(raw) > maxResponse {
			return response{}, false, errTooLong
		}
		return response{}, false, nil
	}
	line, fields, _ := bytes.Cut(raw[:head], []byte("\r\n"))
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return response{}, false, errNotHTTP
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil || status < 200 {
		return response{}, false, errNotHTTP
	}
	length := 0
	if status != noContent {
		if length, err = contentLength(fields); err != nil {
			return response{}, false, err
		}
	}
	size := head + 4 + length
	if len(raw) < size {
		return response{}, false, nil
	}
	return response{status: status, body: raw[head+4 : size], size: size}, true, nil
}

// contentLength returns the Content-Length of a header.
func contentLength(fields []byte) (int, error) {
	const name = "content-length:"
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		if len(line) < len(name) || !bytes.EqualFold(line[:len(name)], []byte(name)) {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line[len(name):])), 10, 31)
		if err != nil {
			return 0, errNotHTTP
		}
		if n > maxResponse {
			return 0, errTooLong
		}
		return int(n), nil
	}
	return 0, errNoLength
}
