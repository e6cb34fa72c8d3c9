package skillbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var background = context.Background()

const succeeded = `{"execution_id":"1","status":"success","error":null}`

func TestCancellingEndsAPause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(background)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.AfterFunc(50*time.Millisecond, func() { cancel(errors.New("enough")) })
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(429)
	})
	began := time.Now()
	_, err := client.ListSkills(ctx)
	if !errors.Is(err, ErrConnection) || errors.Is(err, ErrTimeout) || time.Since(began) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	wants(t, err, "enough")
}

func TestTheContextsErrorIsInOurs(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil { // else the server doesn't notice that the client is gone
			t.Error(err)
		}
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	_, err := client.Run(ctx, RunRequest{Skill: "greet"})
	var broken *ConnectionError
	if !errors.Is(err, ErrTimeout) || !errors.Is(err, ErrConnection) || !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &broken) {
		t.Fatalf("%v", err)
	}
	if broken.IdempotencyKey == "" || !broken.Timeout() || !strings.Contains(err.Error(), "POST http://127.0.0.1") {
		t.Errorf("%#v", broken)
	}
	gone, stop := context.WithCancel(background)
	stop()
	if _, err := client.Run(gone, RunRequest{Skill: "greet"}); !errors.Is(err, context.Canceled) || errors.Is(err, ErrTimeout) {
		t.Errorf("%v", err)
	}
}

// Silence isn't work: a server that says nothing is given up, whatever the context allows.
func TestSilence(t *testing.T) {
	for name, first := range map[string]string{"before the answer": "", "in the answer": "half"} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if first != "" {
				fmt.Fprint(w, first)
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		}, WithMaxRetries(0))
		err := client.ask(background, call{method: "GET", path: "/", silence: 100 * time.Millisecond}, nothing)
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("%s: %v", name, err)
		}
		wants(t, err, "no answer in time")
	}
}

func TestSlowIsNotSilent(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		for range 10 {
			fmt.Fprint(w, "x")
			w.(http.Flusher).Flush()
			time.Sleep(30 * time.Millisecond)
		}
	})
	if err := client.ask(background, call{method: "GET", path: "/", silence: 200 * time.Millisecond}, nothing); err != nil {
		t.Error(err)
	}
}

// A proxy that cuts silent connections must not make a long run fail, nor run it twice.
func TestACallThatIsCutAfterALongTimeIsAskedAbout(t *testing.T) {
	longTime = 100 * time.Millisecond
	defer func() { longTime = 10 * time.Second }()
	var asked []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.Header.Get("Prefer"))
		switch len(asked) {
		case 1:
			time.Sleep(150 * time.Millisecond)
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(202)
			fmt.Fprint(w, `{"execution_id":"1","status":"running","error":null}`)
		default:
			fmt.Fprint(w, succeeded)
		}
	})
	result, err := client.Run(background, RunRequest{Skill: "greet"})
	if err != nil || !result.Succeeded() || fmt.Sprint(asked) != "[POST  POST respond-async GET ]" {
		t.Errorf("%v, %v, asked %q", result, err, asked)
	}
}

// A kept connection that the server closed is no failure: not for a deletion, nor a push.
func TestKeptConnectionsThatAreClosed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var connections atomic.Int32
	go func() { // one answer a connection, which is closed at the next request
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer connection.Close()
				piece := make([]byte, 1<<16)
				if _, err := connection.Read(piece); err != nil {
					return
				}
				fmt.Fprint(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
				_, _ = connection.Read(piece)
			}()
		}
	}()
	client := New("http://"+listener.Addr().String(), "k", WithMaxRetries(0))
	defer client.Close()
	for i, one := range []call{{method: "GET"}, {method: "DELETE"}, {method: "POST", body: strings.NewReader("body"), size: 4}, {method: "GET"}} {
		one.path = "/v1/x"
		if err := client.ask(background, one, nothing); err != nil || int(connections.Load()) != i+1 {
			t.Errorf("%s: %v, connection %d", one.method, err, connections.Load())
		}
	}
}

func TestAnAnswerThatIsTooLong(t *testing.T) {
	calls := 0
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		calls++
		w.WriteHeader(500)
		for range 20 {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	})
	_, err := client.ListSkills(background)
	wants(t, err, "longer than 1048576 bytes")
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

func TestPauses(t *testing.T) {
	client := New("http://x", "k", WithMaxRetries(20))
	for failures, longest := range []time.Duration{backoff, 2 * backoff, 4 * backoff, 8 * backoff} {
		for range 100 {
			if pause, ok := client.pause(background, nil, failures); !ok || pause < longest/2 || pause > longest {
				t.Fatalf("%v after %d failures", pause, failures)
			}
		}
	}
	if pause, ok := client.pause(background, nil, 19); !ok || pause > backoffMax || pause < backoffMax/2 {
		t.Errorf("%v", pause)
	}
	if _, ok := client.pause(background, nil, 20); ok {
		t.Error("too many")
	}
	for after, wanted := range map[time.Duration]bool{0: true, 59 * time.Second: true, 67 * time.Second: false} {
		pause, ok := client.pause(background, &APIError{RetryAfter: after, hasRetryAfter: true}, 0)
		if ok != wanted || pause < after || pause > after+after/10 {
			t.Errorf("Retry-After %v: %v, %v", after, pause, ok)
		}
	}
	soon, cancel := context.WithTimeout(background, time.Second)
	defer cancel()
	if _, ok := client.pause(soon, &APIError{RetryAfter: 2 * time.Second, hasRetryAfter: true}, 0); ok {
		t.Error("a pause beyond the deadline")
	}
}

func TestRetryAfter(t *testing.T) {
	for text, wanted := range map[string]time.Duration{"7": 7 * time.Second, " 1.5 ": 1500 * time.Millisecond, "0": 0,
		"Wed, 01 Jan 2020 00:00:00 GMT": 0} {
		if found, ok := retryAfter(text); !ok || found != wanted {
			t.Errorf("%q is %v, %v", text, found, ok)
		}
	}
	soon := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	if found, ok := retryAfter(soon); !ok || found < 50*time.Second || found > time.Minute {
		t.Errorf("%q is %v", soon, found)
	}
	for _, text := range []string{"", "-1", "soon", "1e9", "99999999999"} {
		if _, ok := retryAfter(text); ok {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestAnUntrustedCertificateIsNotTriedAgain(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet
	server.StartTLS()
	defer server.Close()
	connections := 0
	client := New(server.URL, "k", WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		connections++
		return newTransport().RoundTrip(r)
	})}))
	_, err := client.ListSkills(background)
	wants(t, err, "certificate")
	if connections != 1 || !errors.Is(err, ErrConnection) {
		t.Errorf("%d attempts: %v", connections, err)
	}
	trusting := New(server.URL, "k", WithHTTPClient(server.Client()))
	if _, err := trusting.ListSkills(background); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

func TestNoServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	_, err = New("http://"+address, "k", WithMaxRetries(1)).ListSkills(background)
	if !errors.Is(err, ErrConnection) || strings.Count(err.Error(), address) > 2 {
		t.Errorf("%v", err)
	}
	wants(t, err, "GET http://"+address+"/v1/skills: dial tcp")
}

func TestGoroutinesShareAClient(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(w, `{"execution_id":"1","status":"success","output":%s}`, body)
	})
	var group sync.WaitGroup
	for i := range 20 {
		group.Add(1)
		go func() {
			defer group.Done()
			result, err := client.Run(background, RunRequest{Skill: "greet", Input: i})
			if err != nil || !bytes.Contains(result.Output, []byte(fmt.Sprintf(`"input":%d}`, i))) {
				t.Errorf("%d: %s, %v", i, result.Output, err)
			}
		}()
	}
	group.Wait()
}
