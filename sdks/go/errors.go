package skillbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What errors.Is tells of an error of this package.
var (
	// ErrInvalidInput: what was to be sent can't be used; the message says why. From the server (400, 413, 415, 422),
	// or before anything was sent.
	ErrInvalidInput = errors.New("skillbox: invalid input")
	// ErrAuthentication: no key, or one that is wrong or revoked (401).
	ErrAuthentication = errors.New("skillbox: authentication failed")
	// ErrPermissionDenied: the key lacks the scope, or is another tenant's (403).
	ErrPermissionDenied = errors.New("skillbox: permission denied")
	// ErrNotFound: no such skill or execution (404).
	ErrNotFound = errors.New("skillbox: not found")
	// ErrConflict: the idempotency key was used with another request (409).
	ErrConflict = errors.New("skillbox: conflict")
	// ErrRateLimit: too many requests (rate_limited) or executions (no_capacity) (429).
	ErrRateLimit = errors.New("skillbox: rate limit")
	// ErrServer: the server or something between failed (5xx), or its answer makes no sense (invalid_answer).
	ErrServer = errors.New("skillbox: server error")
	// ErrConnection: no whole answer came. Every ConnectionError is one.
	ErrConnection = errors.New("skillbox: connection failed")
	// ErrTimeout: a ConnectionError because time was over. What was asked for may go on at the server.
	ErrTimeout = errors.New("skillbox: timeout")
	// ErrArchive: files that can't be unpacked safely. Every ArchiveError is one.
	ErrArchive = errors.New("skillbox: bad archive")
	// ErrSkillFailed: the skill ran and did not succeed. Every SkillFailedError is one.
	ErrSkillFailed = errors.New("skillbox: skill failed")
)

// An APIError is the server's refusal. errors.Is with [ErrNotFound] and its like tells the kinds apart.
type APIError struct {
	StatusCode int
	ErrorCode  string // the server's word: not_found
	Message    string // what was wrong and what to do
	RequestID  string // finds the request in the server's log
	// RetryAfter is in how much time to come back, if the server said so; else 0.
	RetryAfter time.Duration
	// IdempotencyKey is the one that Run or Submit sent; the same call with it again gives the same execution.
	IdempotencyKey string

	hasRetryAfter bool
	isRepeat      bool // an attempt before this one may have done it
}

func (e *APIError) Error() string {
	request := ""
	if e.RequestID != "" {
		request = ", request " + e.RequestID
	}
	return fmt.Sprintf("skillbox: %s (%d %s%s)", e.Message, e.StatusCode, e.ErrorCode, request)
}

// Is makes errors.Is work with the kinds.
func (e *APIError) Is(target error) bool {
	switch e.StatusCode {
	case 400, 413, 415, 422:
		return target == ErrInvalidInput
	case 401:
		return target == ErrAuthentication
	case 403:
		return target == ErrPermissionDenied
	case 404:
		return target == ErrNotFound
	case 409:
		return target == ErrConflict
	case 429:
		return target == ErrRateLimit
	}
	return target == ErrServer && (e.StatusCode >= 500 || e.ErrorCode == codeInvalidAnswer)
}

// A ConnectionError says that no whole answer came: the server can't be reached, the connection was cut, or time was
// over (errors.Is with [ErrTimeout]). Where the context ended the call, errors.Is with the context's error holds, too.
type ConnectionError struct {
	Op  string // what was asked: POST http://localhost:8080/v1/executions
	Err error
	// IdempotencyKey is the one that Run or Submit sent; the same call with it again gives the same execution.
	IdempotencyKey string

	timeout bool
	final   bool // another attempt makes no sense
}

func (e *ConnectionError) Error() string { return fmt.Sprintf("skillbox: %s: %v", e.Op, e.Err) }
func (e *ConnectionError) Unwrap() error { return e.Err }

// Timeout says whether time was over.
func (e *ConnectionError) Timeout() bool { return e.timeout }

// Is makes errors.Is work with the kinds.
func (e *ConnectionError) Is(target error) bool {
	return target == ErrConnection || target == ErrTimeout && e.timeout
}

// An ArchiveError says that the files of an execution came as an archive that is damaged, too large or not safe to
// unpack, or that the folder has something in their way. Nothing was written.
type ArchiveError struct{ Message string }

func (e *ArchiveError) Error() string { return "skillbox: " + e.Message }

// Is makes errors.Is work with [ErrArchive].
func (e *ArchiveError) Is(target error) bool { return target == ErrArchive }

// A SkillFailedError is what [RunResult.Err] makes of a run that failed, timed out or was cancelled.
type SkillFailedError struct {
	Result *RunResult // all that came of it
}

func (e *SkillFailedError) Error() string {
	why, code := e.Result.Error, ""
	if why == "" {
		why = e.Result.Status
	}
	if e.Result.ErrorCode != "" {
		code = " (" + e.Result.ErrorCode + ")"
	}
	return fmt.Sprintf("skillbox: execution %s: %s%s", e.Result.ExecutionID, why, code)
}

// Is makes errors.Is work with [ErrSkillFailed].
func (e *SkillFailedError) Is(target error) bool { return target == ErrSkillFailed }

// argumentError is a refusal before anything was sent.
type argumentError string

func (e argumentError) Error() string        { return "skillbox: " + string(e) }
func (e argumentError) Is(target error) bool { return target == ErrInvalidInput }

func badArgument(format string, values ...any) error {
	return argumentError(fmt.Sprintf(format, values...))
}

func badArchive(format string, values ...any) error {
	return &ArchiveError{fmt.Sprintf(format, values...)}
}

const codeInvalidAnswer = "invalid_answer"

var (
	tags         = regexp.MustCompile(`<[^>]*>`)
	plainSeconds = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)
)

// errorOf is what an answer that is no success says.
func errorOf(status int, header http.Header, body []byte) *APIError {
	e := &APIError{StatusCode: status, RequestID: header.Get("X-Request-ID")}
	e.RetryAfter, e.hasRetryAfter = retryAfter(header.Get("Retry-After"))
	var said struct {
		Error     *string `json:"error"`
		Message   *string `json:"message"`
		RequestID string  `json:"request_id"`
	}
	if err := json.Unmarshal(body, &said); err == nil && said.Error != nil && said.Message != nil {
		e.ErrorCode, e.Message = *said.Error, *said.Message
		if said.RequestID != "" {
			e.RequestID = said.RequestID
		}
		return e
	}
	e.ErrorCode = "http_" + strconv.Itoa(status)
	if location := header.Get("Location"); location != "" {
		e.Message = fmt.Sprintf("the answer is a redirect to %s: use that as base URL", location)
		return e
	}
	words := strings.Join(strings.Fields(tags.ReplaceAllString(strings.ToValidUTF8(string(body), "\uFFFD"), " ")), " ")
	if words == "" {
		words = http.StatusText(status)
	}
	if words == "" {
		words = "no text"
	}
	if runes := []rune(words); len(runes) > 200 {
		words = string(runes[:200])
	}
	e.Message = "the answer is not Skillbox's: " + words
	return e
}

// retryAfter reads seconds, or a date.
func retryAfter(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if plainSeconds.MatchString(text) {
		seconds, err := strconv.ParseFloat(text, 64)
		return time.Duration(seconds * float64(time.Second)), err == nil
	}
	if when, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(when)), true
	}
	return 0, false
}
