package skillbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	skillbox "github.com/skillbox-dev/skillbox/sdks/go"
)

func Example() {
	client := skillbox.New("", "") // SKILLBOX_SERVER_URL, SKILLBOX_API_KEY
	result, err := client.Run(context.Background(), skillbox.RunRequest{
		Skill: "greet",
		Input: map[string]string{"name": "World"},
	})
	if err != nil {
		log.Fatal(err) // the server refused, or no answer came
	}
	if err := result.Err(); err != nil {
		log.Fatal(err) // the skill failed, timed out or was cancelled
	}
	var output struct{ Greeting string }
	if err := json.Unmarshal(result.Output, &output); err != nil {
		log.Fatal(err)
	}
	fmt.Println(output.Greeting)
	// Output: Hello, World!
}

// JSON text as input and output keeps every digit and blank.
func ExampleClient_Run_rawJSON() {
	client := skillbox.New("", "")
	result, err := client.Run(context.Background(), skillbox.RunRequest{
		Skill: "echo",
		Input: json.RawMessage(`{"price": 1.10, "id": 12345678901234567890}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(result.Output))
	// Output: {"price":1.10,"id":12345678901234567890}
}

func ExampleClient_FollowLogs() {
	ctx, client := context.Background(), skillbox.New("", "")
	started, err := client.Submit(ctx, skillbox.RunRequest{Skill: "greet", Input: map[string]string{"name": "World"}})
	if err != nil {
		log.Fatal(err)
	}
	err = client.FollowLogs(ctx, started.ExecutionID, func(line string) error {
		fmt.Println("log:", line)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := client.Wait(ctx, started.ExecutionID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Status)
	// Output:
	// log: greeting World
	// log: done
	// success
}

func ExampleClient_DownloadFiles() {
	ctx, client := context.Background(), skillbox.New("", "")
	result, err := client.Run(ctx, skillbox.RunRequest{Skill: "report"})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "report-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if result.HasFiles() {
		if err := client.DownloadFiles(ctx, result, dir); err != nil {
			log.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.md"))
	fmt.Println(string(text), err)
	// Output: # March <nil>
}

func ExampleClient_Executions() {
	client := skillbox.New("", "")
	for execution, err := range client.Executions(context.Background(), skillbox.ListOptions{Status: skillbox.StatusSuccess}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(execution.SkillName, execution.Status)
	}
	// Output:
	// greet success
	// report success
}

func ExampleAPIError() {
	client := skillbox.New("", "")
	_, err := client.Run(context.Background(), skillbox.RunRequest{Skill: "no-such-skill"})
	var refusal *skillbox.APIError
	switch {
	case errors.Is(err, skillbox.ErrNotFound):
		fmt.Println("no such skill")
	case errors.As(err, &refusal):
		fmt.Println("refused:", refusal.ErrorCode, refusal.Message)
	}
	// Output: no such skill
}

func ExampleRunResult_Err() {
	client := skillbox.New("", "")
	result, err := client.Run(context.Background(), skillbox.RunRequest{Skill: "broken"})
	if err != nil {
		log.Fatal(err)
	}
	var failure *skillbox.SkillFailedError
	if errors.As(result.Err(), &failure) {
		fmt.Println(failure.Result.ErrorCode, *failure.Result.ExitCode)
	}
	// Output: exit_nonzero 1
}
