package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"smart-factory-backend/app/cli/retry"
)

// requestTimeout bounds each request.
const requestTimeout = 15 * time.Second

// maxResponse is how much of a response is read.
const maxResponse = 8 << 20

// responseError is a response with an error status.
type responseError struct {
	status     int
	detail     string
	retryAfter time.Duration
}

func (e *responseError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.detail) }

// client sends requests to one server.
type client struct {
	url, key string
	http     http.Client
}

// do sends a request and decodes the response into result, unless that is nil.
func (c *client) do(ctx context.Context, method, path string, body []byte, header http.Header, result any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if header != nil {
		req.Header = header
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return newResponseError(resp, text)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(text, result)
}

func newResponseError(resp *http.Response, text []byte) error {
	var problem struct {
		Detail string `json:"detail"`
		Errors []struct {
			Detail string `json:"detail"`
		} `json:"errors"`
	}
	detail := http.StatusText(resp.StatusCode)
	if json.Unmarshal(text, &problem) == nil && problem.Detail != "" {
		detail = problem.Detail
	} else if len(problem.Errors) > 0 {
		detail = problem.Errors[0].Detail
	}
	return &responseError{status: resp.StatusCode, detail: detail, retryAfter: retry.ParseRetryAfter(resp.Header.Get("Retry-After"), time.Now())}
}

// transient reports whether the same request may succeed later.
func transient(err error) bool {
	if r, ok := errors.AsType[*responseError](err); ok {
		return r.status == http.StatusTooManyRequests || r.status >= http.StatusInternalServerError
	}
	return err != nil && !errors.Is(err, context.Canceled)
}

// statusOf returns the status of an error, or 0.
func statusOf(err error) int {
	if r, ok := errors.AsType[*responseError](err); ok {
		return r.status
	}
	return 0
}

// doWithRetry repeats a request until it succeeds, fails for good, or ctx ends.
func (c *client) doWithRetry(ctx context.Context, method, path string, body []byte, result any) error {
	var backoff retry.Backoff
	for {
		err := c.do(ctx, method, path, body, nil, result)
		if !transient(err) {
			return err
		}
		var retryAfter time.Duration
		if r, ok := errors.AsType[*responseError](err); ok {
			retryAfter = r.retryAfter
		}
		if err := retry.Sleep(ctx, backoff.Next(retryAfter)); err != nil {
			return err
		}
	}
}
