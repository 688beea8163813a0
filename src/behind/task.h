/*
 * task.h - what the worker and the launcher have to do with write-behind.
 *
 * src/behind/task.h
 */
#ifndef CF_BEHIND_TASK_H
#define CF_BEHIND_TASK_H

extern void cf_task_register(void);

#endif							/* CF_BEHIND_TASK_H */
