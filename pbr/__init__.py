"""pbr: the claims engine for payment-by-results family programmes."""
