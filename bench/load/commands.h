/* commands.h - the commands of grapnel-load. Each gets the arguments behind its name and
 * returns the program's exit code: 0, 1 (it failed), 2 (it was asked wrongly).
 */
#ifndef LOAD_COMMANDS_H
#define LOAD_COMMANDS_H

int bench_main(int argc, char **argv);
int isolation_main(int argc, char **argv);
int backlog_main(int argc, char **argv);
int management_main(int argc, char **argv);
int queries_main(int argc, char **argv);
int send_main(int argc, char **argv);
int sink_main(int argc, char **argv);

#endif
