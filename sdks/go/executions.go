package skillbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"
)

// Run runs a skill and waits for its end, whatever comes of it: look at Status, or use [RunResult.Err]. If the context
// ends the call, the execution itself goes on.
func (c *Client) Run(ctx context.Context, request RunRequest) (*RunResult, error) {
	return c.execute(ctx, request, false)
}

// Submit starts a skill and returns at once; [Client.Wait] or [Client.FollowLogs] with the result's ExecutionID go on
// from there.
func (c *Client) Submit(ctx context.Context, request RunRequest) (*RunResult, error) {
	request.OnLog = nil
	return c.execute(ctx, request, true)
}

func (c *Client) execute(ctx context.Context, request RunRequest, async bool) (*RunResult, error) {
	key := request.IdempotencyKey
	if key == "" {
		key = newKey()
	} else if err := checkHeader(key, "IdempotencyKey", 128); err != nil {
		return nil, err
	}
	body, err := request.encode(async || request.OnLog != nil)
	if err != nil {
		return nil, err
	}
	result, err := c.executeWith(ctx, request, body, key, async)
	var refusal *APIError
	var broken *ConnectionError
	if errors.As(err, &refusal) && refusal.IdempotencyKey == "" {
		refusal.IdempotencyKey = key
	} else if errors.As(err, &broken) && broken.IdempotencyKey == "" {
		broken.IdempotencyKey = key
	}
	return result, err
}

func (c *Client) executeWith(ctx context.Context, request RunRequest, body []byte, key string, async bool) (*RunResult, error) {
	post := &call{method: http.MethodPost, path: "/v1/executions", body: bytes.NewReader(body), size: int64(len(body)),
		header: http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {key}}}
	if async || request.OnLog != nil {
		post.silence = silentTime
	}
	// Nothing comes while a skill runs, and proxies cut what is silent. Then the same execution is asked about now and again.
	patient := *post
	patient.header = post.header.Clone()
	patient.header.Set("Prefer", "respond-async")
	patient.silence = silentTime
	result := new(RunResult)
	err := c.askAs(ctx, post, retry{afterLong: &patient}, func(body []byte) error { return decodeResult(body, result, result) })
	if err != nil || async {
		return keep(result, err)
	}
	if request.OnLog != nil {
		if err := c.FollowLogs(ctx, result.ExecutionID, request.OnLog); err != nil {
			return nil, err
		}
	}
	if request.OnLog != nil || !result.Ended() {
		return c.Wait(ctx, result.ExecutionID)
	}
	return result, nil
}

func keep[T any](value *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return value, nil
}

func newKey() string {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		panic(err) // since Go 1.24 it never fails
	}
	return hex.EncodeToString(random[:])
}

// encode makes the request's body. It is put together by hand since encoding/json would take the blanks out of a
// RawMessage.
func (r *RunRequest) encode(async bool) ([]byte, error) {
	if r.Skill == "" {
		return nil, badArgument("RunRequest.Skill must be a skill's name; it is empty")
	}
	if r.Timeout < 0 {
		return nil, badArgument("RunRequest.Timeout must not be below 0; it is %v", r.Timeout)
	}
	var out bytes.Buffer
	var problem error
	add := func(name string, value any) {
		text, err := encodeValue(value, "RunRequest."+name)
		if err != nil && problem == nil {
			problem = err
		}
		out.WriteString(map[bool]string{true: "{", false: ","}[out.Len() == 0])
		fmt.Fprintf(&out, "%q:%s", wireNames[name], text)
	}
	add("Skill", r.Skill)
	if r.Version != "" {
		add("Version", r.Version)
	}
	if raw, ok := r.Input.(json.RawMessage); r.Input != nil && !(ok && raw == nil) {
		add("Input", r.Input)
	}
	if len(r.Env) > 0 {
		add("Env", r.Env)
	}
	if r.Timeout > 0 {
		add("Timeout", durationText(r.Timeout))
	}
	if async {
		add("Async", true)
	}
	out.WriteByte('}')
	return out.Bytes(), problem
}

var wireNames = map[string]string{"Skill": "skill", "Version": "version", "Input": "input", "Env": "env", "Timeout": "timeout", "Async": "async"}

func encodeValue(value any, what string) ([]byte, error) {
	switch value := value.(type) {
	case json.RawMessage:
		return checkRaw(value, what)
	case *json.RawMessage:
		if value != nil {
			return checkRaw(*value, what)
		}
	case []byte:
		return nil, badArgument("%s is a []byte, which would be sent as base64: use json.RawMessage for JSON text, string for other text", what)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, badArgument("%s can't be sent as JSON: %v", what, err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func checkRaw(raw json.RawMessage, what string) ([]byte, error) {
	var any json.RawMessage
	if err := json.Unmarshal(raw, &any); err != nil {
		return nil, badArgument("%s is not JSON: %v", what, err)
	}
	if !utf8.Valid(raw) {
		return nil, badArgument("%s is not UTF-8", what)
	}
	return raw, nil
}

func durationText(d time.Duration) string {
	if d%time.Second == 0 {
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	return strconv.FormatInt(max(1, d.Round(time.Millisecond).Milliseconds()), 10) + "ms"
}

// decodeResult reads a RunResult or what has one in it.
func decodeResult(body []byte, into any, result *RunResult) error {
	*result = RunResult{}
	if err := decode(body, into); err != nil {
		return err
	}
	if result.ExecutionID == "" {
		return errors.New("'execution_id' is missing")
	}
	if result.Status == "" {
		return errors.New("'status' is missing")
	}
	return nil
}

func executionPath(id string) (string, error) {
	escaped, err := segment(id, "the execution's id")
	return "/v1/executions/" + escaped, err
}

// GetExecution gives the record of an execution as it is now.
func (c *Client) GetExecution(ctx context.Context, id string) (*Execution, error) {
	path, err := executionPath(id)
	if err != nil {
		return nil, err
	}
	execution := new(Execution)
	err = c.ask(ctx, call{method: http.MethodGet, path: path, silence: silentTime}, func(body []byte) error {
		*execution = Execution{}
		return decodeResult(body, execution, &execution.RunResult)
	})
	return keep(execution, err)
}

// Wait waits until an execution has ended. If the context's time is over before, the error is [ErrTimeout], and the
// execution goes on.
func (c *Client) Wait(ctx context.Context, id string) (*RunResult, error) {
	began := time.Now()
	for {
		execution, err := c.GetExecution(ctx, id)
		if err != nil {
			return nil, err
		}
		if execution.Ended() {
			return &execution.RunResult, nil
		}
		pause := min(2*time.Second, max(50*time.Millisecond, time.Since(began)/4))
		request := &call{method: http.MethodGet, path: "/v1/executions/" + execution.ExecutionID}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
			why := fmt.Errorf("it is still %s: %w", execution.Status, context.DeadlineExceeded)
			return nil, &ConnectionError{Op: c.op(request), Err: why, timeout: true, final: true}
		}
		if err := c.sleep(ctx, request, pause); err != nil {
			return nil, err
		}
	}
}

// GetExecutionLogs gives the log; of an execution that runs, what there is so far.
func (c *Client) GetExecutionLogs(ctx context.Context, id string) (string, error) {
	path, err := executionPath(id)
	if err != nil {
		return "", err
	}
	log := ""
	err = c.ask(ctx, call{method: http.MethodGet, path: path + "/logs", header: http.Header{"Accept": {"text/plain"}}, silence: silentTime},
		func(body []byte) error {
			log = string(body)
			return nil
		})
	return log, err
}

// Executions gives all executions that the options ask for, newest first, page by page; without input, output and
// log, which [Client.GetExecution] has. After an error it ends.
func (c *Client) Executions(ctx context.Context, options ListOptions) iter.Seq2[*Execution, error] {
	return func(yield func(*Execution, error) bool) {
		cursor := ""
		for {
			page, next, err := c.page(ctx, options, cursor)
			for _, execution := range page {
				if !yield(execution, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
			}
			if err != nil || next == "" {
				return
			}
			cursor = next
		}
	}
}

func (c *Client) page(ctx context.Context, options ListOptions, cursor string) ([]*Execution, string, error) {
	if options.Limit < 0 {
		return nil, "", badArgument("ListOptions.Limit must be 0 or more; it is %d", options.Limit)
	}
	limit := options.Limit
	if limit == 0 {
		limit = 50
	}
	query := ""
	for _, one := range [][2]string{{"skill", options.Skill}, {"status", options.Status}, {"limit", strconv.Itoa(limit)}, {"cursor", cursor}} {
		if one[1] != "" {
			query += "&" + one[0] + "=" + url.QueryEscape(one[1])
		}
	}
	var page struct {
		Executions []*Execution `json:"executions"`
		Next       string       `json:"next"`
	}
	err := c.ask(ctx, call{method: http.MethodGet, path: "/v1/executions?" + query[1:], silence: silentTime}, func(body []byte) error {
		page.Executions, page.Next = nil, ""
		if err := decode(body, &page); err != nil {
			return err
		}
		if page.Executions == nil {
			return errors.New("'executions' is missing")
		}
		if page.Next != "" && page.Next == cursor {
			return errors.New("'next' is the page that was asked for")
		}
		for _, execution := range page.Executions {
			if execution == nil || execution.ExecutionID == "" || execution.Status == "" {
				return errors.New("an execution lacks 'execution_id' or 'status'")
			}
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return page.Executions, page.Next, nil
}

// Cancel ends an execution. One that has ended already stays as it is.
func (c *Client) Cancel(ctx context.Context, id string) error {
	path, err := executionPath(id)
	if err != nil {
		return err
	}
	return c.ask(ctx, call{method: http.MethodDelete, path: path, silence: silentTime}, nothing)
}
