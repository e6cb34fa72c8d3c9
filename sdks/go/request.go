package skillbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

const (
	silentTime       = 60 * time.Second  // without a byte; a followed log has a sign of life every 15 s
	silentUploadTime = 300 * time.Second // a server may have something to do with a skill before it answers
	backoffMax       = 8 * time.Second
	patience         = 66 * time.Second // the longest pause that a call without a deadline makes
	answerBytes      = 256 << 20
	errorBytes       = 1 << 20
)

// Variables for the tests.
var (
	backoff  = 500 * time.Millisecond
	longTime = 10 * time.Second // a call that was cut after that was perhaps too silent for something between
)

var (
	errSilent = errors.New("no answer in time")
	errCut    = errors.New("the connection was cut before the answer's end")
)

// call is a request; every attempt sends it anew.
type call struct {
	method  string
	path    string // below the base URL, with its query; or a whole URL
	isURL   bool
	bare    bool // without key and tenant
	header  http.Header
	body    io.ReaderAt
	size    int64
	silence time.Duration // 0: as long as it takes
}

func (c *Client) url(request *call) string {
	if request.isURL {
		return request.path
	}
	return c.base + request.path
}

// stream is an answer whose body is still to be read.
type stream struct {
	response *http.Response
	watch    *watch
	failed   func(error) error
}

func (s *stream) Read(piece []byte) (int, error) {
	s.watch.begin()
	n, err := s.response.Body.Read(piece)
	s.watch.end()
	if err != nil && err != io.EOF {
		err = s.failed(err)
	}
	return n, err
}

func (s *stream) close() {
	s.response.Body.Close()
	s.watch.end()
	s.watch.cancel(nil)
}

// watch ends an attempt that is silent for too long.
type watch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer // nil: it may be silent
	time   time.Duration
}

func newWatch(ctx context.Context, silence time.Duration) (context.Context, *watch) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watch{cancel: cancel, time: silence}
	if silence > 0 {
		w.timer = time.AfterFunc(silence, func() { cancel(errSilent) })
	}
	return ctx, w
}

func (w *watch) begin() {
	if w.timer != nil {
		w.timer.Reset(w.time)
	}
}

func (w *watch) end() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// upload is a request's body; what is sent is a sign of life.
type upload struct {
	io.Reader
	watch *watch
}

func (u upload) Read(piece []byte) (int, error) {
	u.watch.begin()
	return u.Reader.Read(piece)
}
func (upload) Close() error { return nil }

// open sends a request once. A kept connection that the server has closed in the meantime is no failure: the request
// goes over another. repeated: then the server may have seen it already.
func (c *Client) open(ctx context.Context, request *call) (s *stream, repeated bool, err error) {
	for range idleConnections + 1 {
		began, reused := time.Now(), false
		s, reused, err = c.openOnce(ctx, request)
		var broken *ConnectionError
		if err == nil || !reused || !errors.As(err, &broken) || broken.timeout || broken.final || time.Since(began) >= longTime {
			return s, repeated, err
		}
		repeated = true
	}
	return s, repeated, err
}

func (c *Client) openOnce(ctx context.Context, request *call) (*stream, bool, error) {
	attempt, watch := newWatch(ctx, request.silence)
	var reused atomic.Bool
	attempt = httptrace.WithClientTrace(attempt, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused.Store(info.Reused) },
	})
	failed := func(err error) error { return c.broken(ctx, attempt, request, err) }
	r, err := http.NewRequestWithContext(attempt, request.method, c.url(request), nil)
	if err != nil {
		watch.cancel(nil)
		return nil, false, badArgument("%v", err)
	}
	if request.size > 0 {
		// Without GetBody: what is sent again is said here alone, and not by the transport.
		r.Body = upload{io.NewSectionReader(request.body, 0, request.size), watch}
		r.ContentLength = request.size
	} else if request.body != nil {
		r.Body = http.NoBody
	}
	c.setHeader(r.Header, request)
	response, err := c.http.Do(r)
	watch.end()
	if err != nil {
		err = failed(err)
		watch.cancel(nil)
		return nil, reused.Load(), err
	}
	return &stream{response, watch, failed}, reused.Load(), nil
}

func (c *Client) setHeader(header http.Header, request *call) {
	header.Set("User-Agent", "skillbox-go/"+Version)
	header.Set("Accept-Encoding", "identity") // what comes is what was meant
	if !request.bare {
		header.Set("Accept", "application/json")
		if c.key != "" {
			header.Set("Authorization", "Bearer "+c.key)
		}
		if c.tenant != "" {
			header.Set("X-Tenant-ID", c.tenant)
		}
	}
	for name, values := range request.header {
		header[name] = values
	}
}

// broken makes a ConnectionError of what went wrong in an attempt.
func (c *Client) broken(ctx, attempt context.Context, request *call, err error) error {
	var withURL *url.Error
	if errors.As(err, &withURL) {
		err = withURL.Err // Op has the URL
	}
	broken := &ConnectionError{Op: c.op(request), Err: err}
	var wrapped interface{ Timeout() bool }
	var untrusted *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil:
		broken.Err, broken.final = context.Cause(ctx), true
		broken.timeout = errors.Is(ctx.Err(), context.DeadlineExceeded)
	case errors.Is(context.Cause(attempt), errSilent):
		broken.Err, broken.timeout = errSilent, true
	case errors.As(err, &untrusted):
		broken.final = true
	case errors.As(err, &wrapped) && wrapped.Timeout():
		broken.timeout = true
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		broken.Err = errCut
	}
	return broken
}

// op names a request without its query, which may be signed.
func (c *Client) op(request *call) string {
	text := c.url(request)
	for i := range text {
		if text[i] == '?' {
			text = text[:i]
			break
		}
	}
	return request.method + " " + text
}

// retry is what repeating a call depends on.
type retry struct {
	progress  func() int // where it grows, the count of failures begins anew
	afterLong *call      // sent instead, once an attempt has failed after a long time
}

// attempts makes a request, tried again where that may help. consume reads the answer of a 2xx.
func (c *Client) attempts(ctx context.Context, request *call, how retry, consume func(*stream) error) error {
	if c.err != nil {
		return c.err
	}
	if how.progress == nil {
		how.progress = func() int { return 0 }
	}
	failures, reached, everRepeated := 0, how.progress(), false
	for {
		began := time.Now()
		repeated, err := c.attempt(ctx, request, consume)
		everRepeated = everRepeated || repeated
		var refusal *APIError
		if errors.As(err, &refusal) {
			refusal.isRepeat = everRepeated
		}
		if err == nil || !mayRepeat(err) {
			return err
		}
		if now := how.progress(); now != reached {
			failures, reached = 0, now
		}
		pause, ok := c.pause(ctx, refusal, failures)
		if !ok {
			return err
		}
		failures++
		everRepeated = true
		if how.afterLong != nil && time.Since(began) >= longTime {
			request = how.afterLong
		}
		if waited := c.sleep(ctx, request, pause); waited != nil {
			return waited
		}
	}
}

func (c *Client) attempt(ctx context.Context, request *call, consume func(*stream) error) (repeated bool, err error) {
	s, repeated, err := c.open(ctx, request)
	if err != nil {
		return repeated, err
	}
	defer s.close()
	if s.response.StatusCode >= 200 && s.response.StatusCode < 300 {
		return repeated, consume(s)
	}
	body, err := c.readAll(s, request, errorBytes)
	if err != nil {
		return repeated, err
	}
	return repeated, errorOf(s.response.StatusCode, s.response.Header, body)
}

// mayRepeat tells errors that another attempt may not have from those that are for good, and from the caller's own.
func mayRepeat(err error) bool {
	switch e := err.(type) {
	case *APIError:
		return e.StatusCode == 429 || e.StatusCode >= 502 && e.StatusCode <= 504
	case *ConnectionError:
		return !e.final
	}
	return false
}

// pause is how long to wait before the next attempt, if there is one. refusal may be nil.
func (c *Client) pause(ctx context.Context, refusal *APIError, failures int) (time.Duration, bool) {
	if failures >= c.maxRetries {
		return 0, false
	}
	var pause time.Duration
	if refusal != nil && refusal.hasRetryAfter {
		pause = time.Duration(float64(refusal.RetryAfter) * (1 + rand.Float64()/10))
	} else {
		pause = backoffMax
		if failures < 10 {
			pause = min(backoffMax, backoff<<failures)
		}
		pause = time.Duration(float64(pause) * (0.5 + rand.Float64()/2))
	}
	longest := patience
	if deadline, ok := ctx.Deadline(); ok {
		longest = time.Until(deadline)
	}
	return pause, pause < longest
}

// sleep ends early, with an error, if the context does.
func (c *Client) sleep(ctx context.Context, request *call, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return c.broken(ctx, ctx, request, ctx.Err())
	}
}

func (c *Client) readAll(s *stream, request *call, longest int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(s, longest+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > longest {
		return nil, &ConnectionError{Op: c.op(request), Err: fmt.Errorf("the answer is longer than %d bytes", longest), final: true}
	}
	return body, nil
}

// ask makes a request whose answer is read whole. read's errors say why the answer makes no sense.
func (c *Client) ask(ctx context.Context, request call, read func(body []byte) error) error {
	return c.askAs(ctx, &request, retry{}, read)
}

func (c *Client) askAs(ctx context.Context, request *call, how retry, read func(body []byte) error) error {
	return c.attempts(ctx, request, how, func(s *stream) error {
		body, err := c.readAll(s, request, answerBytes)
		if err != nil {
			return err
		}
		if err := read(body); err != nil {
			return invalid(s, fmt.Sprintf("%s: the answer makes no sense: %v", c.op(request), err))
		}
		return nil
	})
}

func invalid(s *stream, message string) *APIError {
	return &APIError{StatusCode: s.response.StatusCode, ErrorCode: codeInvalidAnswer, Message: message,
		RequestID: s.response.Header.Get("X-Request-ID")}
}

// decode reads a JSON object. Keys that are not known are ignored.
func decode(body []byte, into any) error {
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return errors.New("it is not a JSON object")
	}
	return decodeAny(body, into)
}

func decodeAny(body []byte, into any) error {
	if !utf8.Valid(body) {
		return errors.New("it is not UTF-8")
	}
	return json.Unmarshal(body, into)
}

// nothing ignores an answer's body.
func nothing([]byte) error { return nil }
