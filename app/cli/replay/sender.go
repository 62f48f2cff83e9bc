package replay

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"smart-factory-backend/app/cli/retry"
)

const (
	// attemptTimeout ends a request that gets no response. The server's own
	// timeout for storing readings is shorter.
	attemptTimeout = 30 * time.Second
	// maxResponse limits how much of a response is read.
	maxResponse = 1 << 20
)

// sender posts the batches of one machine, one at a time.
type sender struct {
	client   *http.Client
	url, key string
	retryFor time.Duration
	counters *counters
	// gzip is nil if requests are sent uncompressed.
	gzip       *gzip.Writer
	compressed bytes.Buffer
}

// response is the server's response to a batch: the body of a 200, or an RFC 9457
// problem. A problem has the same counts if every point was rejected.
type response struct {
	Accepted int          `json:"accepted"`
	Rejected int          `json:"rejected"`
	Title    string       `json:"title"`
	Detail   string       `json:"detail"`
	Errors   []pointError `json:"errors"`
}

// pointError says why a point was rejected.
type pointError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// transientError is a failure after which the request is worth a retry.
type transientError struct {
	err error
	// kind is the HTTP status, or "connection".
	kind string
	// retryAfter is how long the server asks to wait.
	retryAfter time.Duration
}

func (e *transientError) Error() string { return e.err.Error() }
func (e *transientError) Unwrap() error { return e.err }

// errUnreachable ends the whole replay, not just one machine's.
var errUnreachable = errors.New("gave up on the server")

func newSender(o Options, client *http.Client, t *counters) *sender {
	s := &sender{client: client, url: o.URL, key: o.Key, retryFor: o.RetryFor, counters: t}
	if o.Gzip {
		s.gzip = gzip.NewWriter(&s.compressed)
	}
	return s
}

// post sends a closed batch, and retries it until the server has accepted or
// rejected each point. Retrying is safe, because a reading that is sent twice
// replaces itself.
func (s *sender) post(ctx context.Context, b *batch) (response, error) {
	body, err := s.encode(b.body)
	if err != nil {
		return response{}, err
	}
	var backoff retry.Backoff
	for {
		got, err := s.attempt(ctx, s.target(b), body, b.points)
		var failure *transientError
		if !errors.As(err, &failure) {
			s.counters.attemptSettled()
			return got, err
		}
		if ctx.Err() != nil {
			return response{}, context.Cause(ctx)
		}
		s.counters.attemptFailed(s.shownURL(), failure)
		wait := backoff.Next(failure.retryAfter)
		if backoff.Elapsed()+wait > s.retryFor {
			return response{}, fmt.Errorf("%w at %s after %d attempts in %v: %w",
				errUnreachable, s.shownURL(), backoff.Attempts(), backoff.Elapsed().Round(time.Millisecond), err)
		}
		if err := retry.Sleep(ctx, wait); err != nil {
			return response{}, err
		}
		s.counters.retries.Add(1)
	}
}

// shownURL returns the URL of the server without a password and the endpoint.
func (s *sender) shownURL() string {
	u, err := url.Parse(s.url)
	if err != nil {
		return s.url
	}
	return strings.TrimSuffix(u.Redacted(), endpoint)
}

// target returns the URL to which a batch is posted.
func (s *sender) target(b *batch) string {
	return strings.TrimSuffix(s.url, endpoint) + b.target
}

func (s *sender) encode(body []byte) ([]byte, error) {
	if s.gzip == nil {
		return body, nil
	}
	s.compressed.Reset()
	s.gzip.Reset(&s.compressed)
	if _, err := s.gzip.Write(body); err != nil {
		return nil, err
	}
	if err := s.gzip.Close(); err != nil {
		return nil, err
	}
	return s.compressed.Bytes(), nil
}

// attempt posts body once. It returns a *transientError if the request is worth
// a retry.
func (s *sender) attempt(ctx context.Context, target string, body []byte, points int) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return response{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", "smart-factory-backend replay")
	if s.key != "" {
		req.Header.Set("Authorization", "Bearer "+s.key)
	}
	if s.gzip != nil {
		req.Header.Set("Content-Encoding", "gzip")
	}
	start := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		if urlErr, ok := errors.AsType[*url.Error](err); ok {
			err = urlErr.Err // without the method and the URL
		}
		return response{}, &transientError{err: err, kind: "connection"}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return response{}, &transientError{err: fmt.Errorf("read response: %w", err), kind: "connection"}
	}
	s.counters.addLatency(time.Since(start))
	return classify(resp, raw, points)
}

// classify decides from a response whether the points are settled, the request
// is worth a retry (*transientError) or it failed for good. body is the body
// of resp.
func classify(resp *http.Response, body []byte, points int) (response, error) {
	var got response
	jsonErr := json.Unmarshal(body, &got)
	settled := jsonErr == nil && got.Accepted >= 0 && got.Rejected >= 0 && got.Accepted+got.Rejected == points
	switch status := resp.StatusCode; {
	case status == http.StatusOK && settled:
		return got, nil
	case status == http.StatusOK && jsonErr != nil:
		return response{}, fmt.Errorf("unexpected response, is this a telemetry server? %.80q", body)
	case status == http.StatusOK:
		return response{}, fmt.Errorf("the server reported %d of %d points", got.Accepted+got.Rejected, points)
	case status == http.StatusBadRequest && settled && got.Accepted == 0:
		return got, nil
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		return response{}, &transientError{
			err:        got.problem(status),
			kind:       fmt.Sprint(status),
			retryAfter: retry.ParseRetryAfter(resp.Header.Get("Retry-After"), time.Now()),
		}
	case status >= 300 && status < 400:
		return response{}, fmt.Errorf("the server redirects to %q; use that URL", resp.Header.Get("Location"))
	case status == http.StatusUnauthorized:
		return response{}, fmt.Errorf("%w; set API_KEY to a key of the server with the role ingest", got.problem(status))
	default:
		return response{}, got.problem(status)
	}
}

// problem returns the error for a response other than 200.
func (r response) problem(status int) error {
	text := fmt.Sprintf("server responded %d %s", status, http.StatusText(status))
	if detail := cmp.Or(r.Detail, r.Title); detail != "" {
		text += ": " + printable(detail)
	}
	if len(r.Errors) > 0 {
		text += fmt.Sprintf(" (%s: %s)", printable(r.Errors[0].Pointer), printable(r.Errors[0].Detail))
	}
	return errors.New(text)
}
