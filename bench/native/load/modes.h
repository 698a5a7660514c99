// Owns the list of what the generator can do; each is described where it is defined. All print JSON lines.
#pragma once

#include "arguments.h"

void run_echo(const Arguments& arguments);
void run_hold(const Arguments& arguments);
void run_churn(const Arguments& arguments);
void run_mute(const Arguments& arguments);
void run_flood(const Arguments& arguments);
void run_stall(const Arguments& arguments);
void run_fanout(const Arguments& arguments);
