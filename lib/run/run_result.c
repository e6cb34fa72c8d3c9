#include "lib/run/run_result.h"

#include <stdlib.h>

void run_result_clear(struct run_result *result)
{
	free(result->failure);
	free(result->failure_code);
	free(result->output);
	free(result->output_ref.digest);
	free(result->output_problem);
	free(result->logs);
	free(result->logs_ref.digest);
	free(result->reason_text);
	free(result->not_stored);
	for (size_t i = 0; i < result->file_count; i++)
		free(result->files[i]);
	free(result->files);
	free(result->files_ref.digest);
	isolation_unref(result->isolation);
	*result = (struct run_result){0};
}
