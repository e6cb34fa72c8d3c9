package skillbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// With SKILLBOX_TEST_ADAPTER this program makes calls that it is told on its input, a JSON object a line, and says what
// came of each: tests/sdk/test_go.py plays the vectors of tests/contract with it. Else it runs the tests.
func TestMain(m *testing.M) {
	backoff = 20 * time.Millisecond
	if os.Getenv("SKILLBOX_TEST_ADAPTER") != "" {
		adapt()
		return
	}
	server := httptest.NewServer(exampleServer()) // what the examples speak to
	os.Setenv("SKILLBOX_SERVER_URL", server.URL)
	os.Setenv("SKILLBOX_API_KEY", "sk-example")
	code := m.Run()
	server.Close()
	os.Exit(code)
}

type adapterCall struct {
	New *struct {
		URL        string  `json:"url"`
		APIKey     string  `json:"api_key"`
		TenantID   string  `json:"tenant_id"`
		MaxRetries *int    `json:"max_retries"`
		Timeout    float64 `json:"timeout"`
	}
	Method    string
	Arguments adapterArguments
}

type adapterArguments struct {
	Skill          string            `json:"skill"`
	Version        string            `json:"version"`
	Input          any               `json:"input"`
	RawInput       string            `json:"raw_input"`
	Env            map[string]string `json:"env"`
	RunTimeout     string            `json:"run_timeout"`
	Timeout        float64           `json:"timeout"`
	IdempotencyKey string            `json:"idempotency_key"`
	OnLog          bool              `json:"on_log"`
	ExecutionID    string            `json:"execution_id"`
	Follow         *bool             `json:"follow"`
	Name           string            `json:"name"`
	Path           string            `json:"path"`
	Status         string            `json:"status"`
	Limit          int               `json:"limit"`
	Dir            string            `json:"dir"`
}

type adapter struct {
	client  *Client
	timeout float64
	last    *RunResult
	lines   []string
}

func adapt() {
	input, output := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	a := &adapter{}
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		decoder.DisallowUnknownFields()
		var call adapterCall
		answer := map[string]any{}
		if err := decoder.Decode(&call); err != nil {
			answer["problem"] = err.Error()
		} else if call.New != nil {
			a.open(call)
		} else {
			a.lines = []string{}
			result, err := a.do(call.Method, call.Arguments)
			answer["result"], answer["lines"] = result, a.lines
			if err != nil {
				answer["error"] = adapterError(err)
			}
		}
		if err := output.Encode(answer); err != nil {
			panic(err)
		}
	}
}

func (a *adapter) open(call adapterCall) {
	options := []Option{WithTenant(call.New.TenantID)}
	if call.New.MaxRetries != nil {
		options = append(options, WithMaxRetries(*call.New.MaxRetries))
	}
	if a.client != nil {
		a.client.Close()
	}
	a.client, a.timeout, a.last = New(call.New.URL, call.New.APIKey, options...), call.New.Timeout, nil
}

func (a *adapter) takeLine(line string) error {
	a.lines = append(a.lines, line)
	return nil
}

func (a *adapter) do(method string, with adapterArguments) (any, error) {
	ctx := context.Background()
	if seconds := max(a.timeout, with.Timeout); seconds > 0 {
		timed, cancel := context.WithTimeout(ctx, time.Duration(seconds*float64(time.Second)))
		defer cancel()
		ctx = timed
	}
	switch method {
	case "run", "submit":
		request, err := with.request(a)
		if err != nil {
			return nil, err
		}
		do := a.client.Run
		if method == "submit" {
			do = a.client.Submit
		}
		a.last, err = do(ctx, request)
		return wordsOfResult(a.last), err
	case "wait":
		result, err := a.client.Wait(ctx, with.ExecutionID)
		return wordsOfResult(result), err
	case "get_execution":
		execution, err := a.client.GetExecution(ctx, with.ExecutionID)
		return wordsOfExecution(execution), err
	case "list_executions":
		found := []any{}
		for execution, err := range a.client.Executions(ctx, ListOptions{Skill: with.Skill, Status: with.Status, Limit: with.Limit}) {
			if err != nil {
				return nil, err
			}
			found = append(found, wordsOfExecution(execution))
		}
		return found, nil
	case "cancel":
		return nil, a.client.Cancel(ctx, with.ExecutionID)
	case "get_execution_logs":
		return a.client.GetExecutionLogs(ctx, with.ExecutionID)
	case "iter_logs":
		if with.Follow == nil || *with.Follow {
			return nil, a.client.FollowLogs(ctx, with.ExecutionID, a.takeLine)
		}
		log, err := a.client.GetExecutionLogs(ctx, with.ExecutionID)
		a.lines = strings.Split(strings.TrimSuffix(log, "\n"), "\n")
		return nil, err
	case "download_files":
		return nil, a.client.DownloadFiles(ctx, a.last, with.Dir)
	case "health":
		if err := a.client.Health(ctx); err != nil {
			return nil, err
		}
		return map[string]string{"status": "ok"}, nil
	}
	return a.doSkills(ctx, method, with)
}

func (a *adapter) doSkills(ctx context.Context, method string, with adapterArguments) (any, error) {
	switch method {
	case "register_skill":
		return a.client.RegisterSkill(ctx, with.Path)
	case "validate_skill":
		validation, err := a.client.ValidateSkill(ctx, with.Path)
		if err == nil && validation.Warnings == nil {
			validation.Warnings = []string{}
		}
		return validation, err
	case "list_skills":
		return a.client.ListSkills(ctx)
	case "get_skill":
		skill, err := a.client.GetSkill(ctx, with.Name, with.Version)
		if err != nil {
			return nil, err
		}
		return merged(skill, map[string]any{"input_schema": skill.InputSchema, "output_schema": skill.OutputSchema}), nil
	case "delete_skill":
		return nil, a.client.DeleteSkill(ctx, with.Name, with.Version)
	}
	panic("no such method: " + method)
}

func (with adapterArguments) request(a *adapter) (RunRequest, error) {
	request := RunRequest{Skill: with.Skill, Version: with.Version, Input: with.Input, Env: with.Env, IdempotencyKey: with.IdempotencyKey}
	if with.RawInput != "" {
		request.Input = json.RawMessage(with.RawInput)
	}
	if with.OnLog {
		request.OnLog = a.takeLine
	}
	var err error
	if with.RunTimeout != "" {
		request.Timeout, err = time.ParseDuration(with.RunTimeout)
	}
	return request, err
}

// merged is a value as JSON, with more keys.
func merged(value any, more map[string]any) map[string]any {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	found := map[string]any{}
	if err := decoder.Decode(&found); err != nil {
		panic(err)
	}
	for key, value := range more {
		found[key] = value
	}
	return found
}

// In the vectors' words an error that is not there is null, and texts are beside values.
func wordsOfResult(result *RunResult) any {
	if result == nil {
		return nil
	}
	more := map[string]any{"output_text": string(result.Output), "output": result.Output, "error": nil, "error_code": result.ErrorCode,
		"logs": result.Logs, "logs_truncated": result.LogsTruncated, "warm": result.Warm, "files_list": result.FilesList,
		"exit_code": result.ExitCode, "duration_ms": nil}
	if result.DurationMS != 0 {
		more["duration_ms"] = result.DurationMS
	}
	if result.Error != "" {
		more["error"] = result.Error
	}
	if result.FilesList == nil {
		more["files_list"] = []string{}
	}
	return merged(result, more)
}

func wordsOfExecution(execution *Execution) any {
	if execution == nil {
		return nil
	}
	words := merged(execution, map[string]any{"input_text": string(execution.Input), "input": execution.Input})
	for name, moment := range map[string]time.Time{"started_at": execution.StartedAt, "finished_at": execution.FinishedAt} {
		if moment.IsZero() {
			words[name] = ""
		}
	}
	return merged(words, wordsOfResult(&execution.RunResult).(map[string]any))
}

func adapterError(err error) map[string]any {
	said := map[string]any{"text": err.Error(), "kind": "none of ours"}
	kinds := []struct {
		kind string
		is   error
	}{{"authentication", ErrAuthentication}, {"permission_denied", ErrPermissionDenied}, {"not_found", ErrNotFound},
		{"conflict", ErrConflict}, {"rate_limit", ErrRateLimit}, {"server", ErrServer}, {"invalid_input", ErrInvalidInput},
		{"timeout", ErrTimeout}, {"connection", ErrConnection}, {"archive", ErrArchive}, {"skill_failed", ErrSkillFailed}}
	var refusal *APIError
	if errors.As(err, &refusal) {
		said["kind"] = "api"
		said["status"], said["code"], said["request_id"] = refusal.StatusCode, refusal.ErrorCode, refusal.RequestID
		said["retry_after"] = refusal.RetryAfter.Seconds()
	}
	matches := []string{}
	for _, one := range kinds {
		if errors.Is(err, one.is) {
			matches = append(matches, one.kind)
		}
	}
	if len(matches) > 0 {
		said["kind"] = matches[0]
	}
	if len(matches) > 1 && fmt.Sprint(matches) != "[timeout connection]" {
		said["kind"] = fmt.Sprintf("several: %v", matches)
	}
	return said
}
