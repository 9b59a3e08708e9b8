<!doctype html><title>Shop</title><h1>Shop {{ config('version.number') }}</h1>
