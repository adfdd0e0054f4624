/* interrupt.h - SIGINT and SIGTERM as a question that a loop asks. A second one ends the process at
 * once.
 */
#ifndef LOAD_INTERRUPT_H
#define LOAD_INTERRUPT_H

#include <stdbool.h>

void interrupt_catch(void);
bool interrupt_came(void);

#endif
