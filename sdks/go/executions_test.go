package skillbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestBodies(t *testing.T) {
	raw := json.RawMessage("{ \"b\" : 1.10, \"a\":\t12345678901234567890, \"t\": \"<&> \u2028 \\u00e9\" }")
	var none *json.RawMessage
	for wanted, request := range map[string]RunRequest{
		`{"skill":"s"}`: {Skill: "s"},
		`{"skill":"s","input":` + string(raw) + `}`:            {Skill: "s", Input: raw},
		`{"skill":"p","input":` + string(raw) + `}`:            {Skill: "p", Input: &raw},
		`{"skill":"s","input":null}`:                           {Skill: "s", Input: none},
		`{"skill":"n"}`:                                        {Skill: "n", Input: json.RawMessage(nil)},
		`{"skill":"s","input":{"html":"<a href='x'>&</a>"}}`:   {Skill: "s", Input: map[string]string{"html": "<a href='x'>&</a>"}},
		`{"skill":"s","input":{"n":1.10,"deep":{"k":[1, 2]}}}`: {Skill: "s", Input: json.RawMessage(`{"n":1.10,"deep":{"k":[1, 2]}}`)},
		`{"skill":"s","input":{"n":12345678901234567890123}}`:  {Skill: "s", Input: map[string]any{"n": json.Number("12345678901234567890123")}},
		`{"skill":"s","version":"1.0","env":{"A":"<b>"}}`:      {Skill: "s", Version: "1.0", Env: map[string]string{"A": "<b>"}},
		`{"skill":"s","input":"text","timeout":"90s"}`:         {Skill: "s", Input: "text", Timeout: 90 * time.Second},
		`{"skill":"s","timeout":"1500ms"}`:                     {Skill: "s", Timeout: 1500 * time.Millisecond},
		`{"skill":"s","timeout":"1ms"}`:                        {Skill: "s", Timeout: time.Nanosecond},
		`{"skill":"s \"quoted\""}`:                             {Skill: `s "quoted"`},
		`{"skill":"s","input":false}`:                          {Skill: "s", Input: false},
	} {
		if body, err := request.encode(false); err != nil || string(body) != wanted {
			t.Errorf("%s instead of %s, %v", body, wanted, err)
		}
	}
}

func TestBodiesThatCannotBeSent(t *testing.T) {
	for name, one := range map[string]struct {
		request RunRequest
		has     string
	}{
		"no skill":       {RunRequest{}, "RunRequest.Skill"},
		"bytes":          {RunRequest{Skill: "s", Input: []byte("{}")}, "use json.RawMessage"},
		"not JSON":       {RunRequest{Skill: "s", Input: json.RawMessage("{'a':1}")}, "RunRequest.Input is not JSON"},
		"two values":     {RunRequest{Skill: "s", Input: json.RawMessage("1 2")}, "RunRequest.Input is not JSON"},
		"empty":          {RunRequest{Skill: "s", Input: json.RawMessage{}}, "RunRequest.Input is not JSON"},
		"not UTF-8":      {RunRequest{Skill: "s", Input: json.RawMessage("\"\xff\"")}, "not UTF-8"},
		"not a number":   {RunRequest{Skill: "s", Input: math.NaN()}, "can't be sent as JSON"},
		"a function":     {RunRequest{Skill: "s", Input: func() {}}, "can't be sent as JSON"},
		"below 0":        {RunRequest{Skill: "s", Timeout: -1}, "RunRequest.Timeout"},
		"key":            {RunRequest{Skill: "s", IdempotencyKey: "a b"}, "IdempotencyKey"},
		"too long a key": {RunRequest{Skill: "s", IdempotencyKey: strings.Repeat("k", 129)}, "at most 128"},
	} {
		_, err := New("http://127.0.0.1:1", "k").Run(background, one.request)
		wants(t, err, one.has)
		if !errors.Is(err, ErrInvalidInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBytesAreNotTouched(t *testing.T) {
	input := "{\"z\": 1.10,\n \"a\": [ ], \"t\": \"<&>\u2028\u2029\\u0041\\/\"}"
	output := `{"pi":3.14159265358979323846, "id": 12345678901234567890,"t":"<é\u2028\/>","b":1,"a":null}`
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "POST" {
			body, err := io.ReadAll(r.Body)
			if err != nil || string(body) != `{"skill":"s","input":`+input+`}` {
				t.Errorf("the body is %s, %v", body, err)
			}
		}
		fmt.Fprintf(w, `{"execution_id":"1","status":"success","output":%s,"input":%s,"created_at":"2026-11-30T10:00:00.000Z"}`, output, input)
	})
	result, err := client.Run(background, RunRequest{Skill: "s", Input: json.RawMessage(input)})
	if err != nil || string(result.Output) != output {
		t.Errorf("%s, %v", result.Output, err)
	}
	execution, err := client.GetExecution(background, "1")
	if moment := execution.CreatedAt.Format(time.RFC3339Nano); moment != "2026-11-30T10:00:00Z" || !execution.FinishedAt.IsZero() {
		t.Errorf("%s, %v", moment, execution.FinishedAt)
	}
	if err != nil || string(execution.Output) != output || string(execution.Input) != input {
		t.Errorf("%s, %s, %v", execution.Output, execution.Input, err)
	}
}

func TestEachRunHasAKeyOfItsOwn(t *testing.T) {
	var keys []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		if len(keys)%2 == 1 {
			w.WriteHeader(503)
			return
		}
		fmt.Fprint(w, succeeded)
	})
	for range 2 {
		if _, err := client.Run(background, RunRequest{Skill: "greet"}); err != nil {
			t.Fatal(err)
		}
	}
	plain := regexp.MustCompile("^[0-9a-f]{32}$")
	if keys[0] != keys[1] || keys[2] != keys[3] || keys[0] == keys[2] || !plain.MatchString(keys[0]) || !plain.MatchString(keys[2]) {
		t.Errorf("%q", keys)
	}
}

func TestTheKeyIsInTheError(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) })
	_, err := client.Run(background, RunRequest{Skill: "greet", IdempotencyKey: "invoice-1"})
	var refusal *APIError
	if !errors.As(err, &refusal) || refusal.IdempotencyKey != "invoice-1" {
		t.Errorf("%#v", err)
	}
}

func TestOnLogThatFails(t *testing.T) {
	own := errors.New("the caller's own")
	calls := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		if r.Method == "POST" {
			fmt.Fprint(w, `{"execution_id":"1","status":"pending","error":null}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: one\n\n")
	})
	result, err := client.Run(background, RunRequest{Skill: "greet", OnLog: func(string) error { return own }})
	if err != own || result != nil || calls != 2 {
		t.Errorf("%v, %v, %d calls", result, err, calls)
	}
	// Also if it looks like one that would be tried again.
	err = client.FollowLogs(background, "1", func(string) error { return &ConnectionError{Err: own} })
	if !errors.Is(err, own) || calls != 3 {
		t.Errorf("%v, %d calls", err, calls)
	}
}

func TestLeavingTheListEndsIt(t *testing.T) {
	calls := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		fmt.Fprintf(w, `{"executions":[%s,%s],"next":"%d"}`, succeeded, succeeded, calls)
	})
	count := 0
	for range client.Executions(background, ListOptions{}) {
		if count++; count == 3 {
			break
		}
	}
	if calls != 2 {
		t.Errorf("%d pages", calls)
	}
}

func TestAListThatFails(t *testing.T) {
	calls := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if calls++; calls == 2 {
			w.WriteHeader(500)
			return
		}
		fmt.Fprintf(w, `{"executions":[%s],"next":"x"}`, succeeded)
	})
	var found []string
	for execution, err := range client.Executions(background, ListOptions{}) {
		found = append(found, fmt.Sprint(execution != nil, errors.Is(err, ErrServer)))
	}
	if !reflect.DeepEqual(found, []string{"true false", "false true"}) {
		t.Errorf("%v", found)
	}
	for _, text := range []string{`{}`, `[]`, `{"executions":null}`, `{"executions":[{}]}`, `{"executions":[null]}`, `{"executions":{}}`} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, text) })
		for _, err := range client.Executions(background, ListOptions{}) {
			if !errors.Is(err, ErrServer) {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	calls = 0
	inCircles := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		fmt.Fprintf(w, `{"executions":[%s],"next":"x"}`, succeeded)
	})
	var last error
	for _, err := range inCircles.Executions(background, ListOptions{}) {
		last = err
	}
	wants(t, last, "'next' is the page that was asked for")
	if calls != 2 {
		t.Errorf("%d pages", calls)
	}
	for _, err := range client.Executions(background, ListOptions{Limit: -1}) {
		wants(t, err, "ListOptions.Limit")
	}
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	for _, text := range []string{``, `null`, `[]`, `{}`, `{"execution_id":"1"}`, `{"execution_id":1,"status":"success"}`, succeeded + "x",
		"{\"execution_id\":\"1\",\"status\":\"success\",\"logs\":\"\xff\"}", strings.Repeat("[", 20000)} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, text) })
		result, err := client.Run(background, RunRequest{Skill: "greet"})
		var refusal *APIError
		if !errors.Is(err, ErrServer) || !errors.As(err, &refusal) || refusal.ErrorCode != "invalid_answer" || result != nil {
			t.Errorf("%.50s: %v", text, err)
		}
	}
}

func TestErr(t *testing.T) {
	for status, fails := range map[string]bool{StatusPending: false, StatusRunning: false, StatusSuccess: false, StatusFailed: true,
		StatusTimeout: true, StatusCancelled: true, "something new": false} {
		result := &RunResult{ExecutionID: "7", Status: status, ErrorCode: "code"}
		err := result.Err()
		var failure *SkillFailedError
		if errors.Is(err, ErrSkillFailed) != fails || errors.As(err, &failure) != fails || fails && failure.Result != result {
			t.Errorf("%s: %v", status, err)
		}
		if fails {
			wants(t, err, "execution 7: "+status+" (code)")
		}
	}
}

func TestEvents(t *testing.T) {
	stream := "\xef\xbb\xbf: x\r\n\r\ndata: a\rdata:b\r\revent: end\ndata: {}\n\ndata\n\nid: 1\n\ndata:  x\r\n\r\n"
	stream = strings.TrimPrefix(stream, "\xef\xbb\xbf")
	wanted := []string{"message:a\nb", "end:{}", "message:", "message: x"}
	for size := 1; size < len(stream); size++ {
		var parser eventParser
		var found []string
		for rest := []byte(stream); len(rest) > 0; {
			n := min(size, len(rest))
			parser.feed(bytes.Clone(rest[:n]))
			rest = rest[n:]
			for {
				event, data, ok := parser.next()
				if !ok {
					break
				}
				found = append(found, event+":"+data)
			}
		}
		if !reflect.DeepEqual(found, wanted) {
			t.Errorf("in pieces of %d: %q", size, found)
		}
	}
}

func TestAnEventThatIsTooLong(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		piece := []byte("data: " + strings.Repeat("x", 1<<20) + "\n")
		for range 20 {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	})
	err := client.FollowLogs(background, "1", func(string) error { return nil })
	wants(t, err, "longer than")
}
