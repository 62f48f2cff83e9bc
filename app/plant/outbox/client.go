package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	requestTimeout = 15 * time.Second
	// maxResponseBytes is how much of a response is read, so that the connection can
	// be used again.
	maxResponseBytes = 16 << 10
)

// client sends requests. It follows no redirect: a signed message goes to the
// configured receiver only.
type client struct{ http http.Client }

func newClient() *client {
	return &client{http.Client{
		Timeout:       requestTimeout,
		Transport:     http.DefaultTransport.(*http.Transport).Clone(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// refusedError is the answer of a receiver that will not accept the message later
// either.
type refusedError struct{ error }

// post sends body. The error is a refusedError if the same request cannot succeed.
func (c *client) post(ctx context.Context, url string, header http.Header, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = header
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes))
	if err := response.Body.Close(); err != nil && len(text) == 0 {
		return err
	}
	if response.StatusCode/100 == 2 {
		return nil
	}
	err = fmt.Errorf("%s answers %s: %.200q", request.URL.Redacted(), response.Status, text)
	switch response.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		// The receiver can be configured to accept these later.
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		return err
	}
	if response.StatusCode/100 == 4 {
		return refusedError{err}
	}
	return err
}

// isRefused reports whether err is that of a message that is refused for good.
func isRefused(err error) bool {
	_, refused := errors.AsType[refusedError](err)
	return refused
}
