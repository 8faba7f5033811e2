/* The event types of the customer domain. */
#ifndef OWNLENS_CUSTOMER_H
#define OWNLENS_CUSTOMER_H

#include "ownlens.h"

extern const busbar_event_type customer_user_event;
extern const busbar_event_type customer_session;

#endif
