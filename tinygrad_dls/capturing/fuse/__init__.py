"""The second pass of capture: several operations become one."""
