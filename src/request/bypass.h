/*
 * bypass.h - why a fetch runs its query and leaves no trace.
 *
 * src/request/bypass.h
 */
#ifndef CF_REQUEST_BYPASS_H
#define CF_REQUEST_BYPASS_H

/* In the order of the counters, but for the last, which has none. */
typedef enum CfBypass
{
	CF_BYPASS_NONE,
	CF_BYPASS_DISABLED,
	CF_BYPASS_SERIALIZABLE,
	CF_BYPASS_REPEATABLE_READ,
	CF_BYPASS_OWN_WRITES,
	CF_BYPASS_ROW_SECURITY,
	CF_BYPASS_TEMPORARY,
	CF_BYPASS_SETTING,
	CF_BYPASS_SESSION,
	CF_BYPASS_RIGHTS,
	CF_BYPASS_RESHAPED			/* the rows are not of the shape that the key names */
} CfBypass;

#endif							/* CF_REQUEST_BYPASS_H */
