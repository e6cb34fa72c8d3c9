package skillbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWhatNewRefuses(t *testing.T) {
	t.Setenv("SKILLBOX_SERVER_URL", "")
	for name, one := range map[string]struct {
		client *Client
		has    string
	}{
		"scheme":     {New("ftp://x", "k"), "must begin with http://"},
		"no scheme":  {New("localhost:8080", "k"), "'localhost:8080'"},
		"no host":    {New("http://", "k"), "must begin with http://"},
		"user":       {New("http://me:secret@x", "k"), "no user"},
		"query":      {New("http://x/?a=b", "k"), "query"},
		"fragment":   {New("http://x/#a", "k"), "fragment"},
		"blank":      {New("http://x/a b", "k"), "blank"},
		"port":       {New("http://me:secret@x:port", "k"), "not a URL"},
		"key":        {New("http://x", "sk-secret\nX: y"), "the API key must be printable ASCII"},
		"long key":   {New("http://x", strings.Repeat("secret", 1000)), "at most 4096"},
		"tenant":     {New("http://x", "k", WithTenant("ä")), "the tenant"},
		"retries":    {New("http://x", "k", WithMaxRetries(-1)), "WithMaxRetries(-1)"},
		"max files":  {New("http://x", "k", WithDownloadLimits(1, 0)), "above 0"},
		"max bytes":  {New("http://x", "k", WithDownloadLimits(-1, 1)), "above 0"},
		"not a word": {New("", "k", WithTenant("a b")), "the tenant"},
	} {
		_, err := one.client.Run(context.Background(), RunRequest{Skill: "greet"})
		wants(t, err, one.has)
		if !errors.Is(err, ErrInvalidInput) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		if again := one.client.Health(context.Background()); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: every call says it: %v", name, again)
		}
	}
}

func TestServerAndKeyOfTheEnvironment(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path + " " + r.Header.Get("Authorization")
		fmt.Fprint(w, "[]")
	}))
	defer server.Close()
	t.Setenv("SKILLBOX_SERVER_URL", server.URL+"/below/")
	t.Setenv("SKILLBOX_API_KEY", " sk-environment\n")
	for _, one := range []struct{ url, key, wanted string }{
		{"", "", "/below/v1/skills Bearer sk-environment"},
		{server.URL, "sk-given", "/v1/skills Bearer sk-given"},
	} {
		if _, err := New(one.url, one.key).ListSkills(context.Background()); err != nil {
			t.Fatal(err)
		}
		if found := <-asked; found != one.wanted {
			t.Errorf("asked for %q, not %q", found, one.wanted)
		}
	}
}

func TestNoKeyIsNoHeader(t *testing.T) {
	t.Setenv("SKILLBOX_API_KEY", "")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if values, there := r.Header["Authorization"]; there {
			t.Errorf("Authorization: %q", values)
		}
		fmt.Fprint(w, "[]")
	}))
	defer server.Close()
	if _, err := New(server.URL, "").ListSkills(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A client that is printed must not show its key.
func TestTheKeyIsNotShown(t *testing.T) {
	client := New("http://localhost:1", "sk-secret")
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, client); strings.Contains(text, "secret") || !strings.Contains(text, "localhost:1") {
			t.Errorf("%s: %s", format, text)
		}
	}
}

func TestAnHTTPClientOfYourOwn(t *testing.T) {
	calls := 0
	own := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		calls++
		return http.DefaultTransport.RoundTrip(r)
	})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	_, err := New(server.URL, "k", WithHTTPClient(own), WithHTTPClient(nil)).ListSkills(context.Background())
	wants(t, err, "a redirect to http://127.0.0.1:1/elsewhere")
	if calls != 1 || own.CheckRedirect != nil {
		t.Errorf("%d calls; the given client must stay as it was", calls)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestSegment(t *testing.T) {
	for value, wanted := range map[string]string{"a-b._~C9": "a-b._~C9", "1.0+7": "1.0%2B7", "a/../b": "a%2F..%2Fb", "é %": "%C3%A9%20%25", "?#": "%3F%23"} {
		if found, err := segment(value, "x"); err != nil || found != wanted {
			t.Errorf("%q gives %q, %v", value, found, err)
		}
	}
	for _, value := range []string{"", ".", ".."} {
		if _, err := segment(value, "the name"); !errors.Is(err, ErrInvalidInput) {
			t.Errorf("%q is taken", value)
		}
	}
}

func TestKindsOfErrors(t *testing.T) {
	all := []error{ErrInvalidInput, ErrAuthentication, ErrPermissionDenied, ErrNotFound, ErrConflict, ErrRateLimit, ErrServer}
	for status, kind := range map[int]error{400: ErrInvalidInput, 401: ErrAuthentication, 403: ErrPermissionDenied, 404: ErrNotFound,
		405: nil, 409: ErrConflict, 413: ErrInvalidInput, 415: ErrInvalidInput, 422: ErrInvalidInput, 429: ErrRateLimit, 500: ErrServer,
		503: ErrServer, 302: nil} {
		err := fmt.Errorf("around: %w", errorOf(status, http.Header{}, nil))
		for _, one := range all {
			if errors.Is(err, one) != (one == kind) {
				t.Errorf("%d: %v is %v", status, one, errors.Is(err, one))
			}
		}
	}
}

func TestHealthThatIsNotOk(t *testing.T) {
	for _, text := range []string{`{"status":"sick"}`, `[]`, `{}`, `null`, ``} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, text) })
		if err := client.Health(context.Background()); !errors.Is(err, ErrServer) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
