/* privyseal doctor: what is promised, beside what is. */
#include "cli/doctor.h"
#include "cli/admin_ask.h"
#include "cli/cli.h"
#include "cli/json_print.h"
#include "ipc/log.h"

#include <unistd.h>

/* With --probe a daemon that does not run is no fault. */
static void look_at_running(cJSON *seen, const struct arguments *arguments)
{
	char path[512];
	cJSON *report;

	snprintf(path, sizeof path, "%s/admin.sock", arguments->runtime_directory);
	if (arguments->probe && access(path, F_OK) != 0)
		return;
	report = admin_ask(arguments->runtime_directory, OP_ADMIN_STATUS);
	if (report) {
		doctor_look_at_processes(seen, report);
		doctor_look_at_credentials(seen, report);
	} else {
		doctor_broken(seen, "the running privyseald could not be asked");
	}
	cJSON_Delete(report);
}

enum exit_status command_doctor(const struct arguments *arguments)
{
	cJSON *seen;
	int broken;

	if (geteuid() != 0) {
		log_error("doctor looks into root's processes: run it as root");
		return EXIT_REFUSED;
	}
	seen = doctor_examination();
	look_at_running(seen, arguments);
	doctor_look_at_features(seen);
	if (arguments->probe)
		doctor_run_twins(seen);
	if (arguments->json)
		json_print(seen, stdout);
	else
		doctor_show(seen, stdout);
	broken = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(seen, "broken"));
	cJSON_Delete(seen);
	return broken == 0 ? EXIT_DONE : EXIT_REFUSED;
}
